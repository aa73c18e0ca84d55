"""Registered models of texts take texts: the same answers as those that were evaluated, here, by MLflow and served."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow import pyfunc

from pipeline.cells.cell import read_json
from pipeline.data.raw import Raw
from pipeline.data.readers import conllu, text_table
from pipeline.data.tokenizers import _own
from pipeline.tracking import loader
from pipeline.tracking.commands import load, serve_command
from tests import corpora
from tests.tracking.conftest import Laboratory
from tests.tracking.servers import ask, refusal, serving

# Of each version its row.
VERSIONS = {
    "news-svm/1": "news_svm",
    "news-lstm/1": "news_lstm",
    "news-text_cnn/2": "news_letters",
    "news-text_cnn/3": "news_cnn_int8",
    "treebank-lstm/1": "treebank_lstm",
    "treebank-lstm/2": "treebank_lstm_int8",
    "treebank-lstm_crf/1": "treebank_crf",
}
pytestmark = pytest.mark.slow  # the models are trained first
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"inputs": ["a rose", ""]}, "item 1 (the first is 0): the text '' has no token"),
    ({"dataframe_records": [{"text": "  "}]}, "item 0 (the first is 0): the text '  ' has no token"),
    ({"dataframe_records": [{"text": 3}]}, "item 0 (the first is 0) is 3; allowed are texts"),
    ({"dataframe_records": [{"text": "a"}, {"text": None}]}, "item 1 (the first is 0) is null; allowed are texts"),
    ({"dataframe_split": {"columns": ["text"], "data": [[None]]}}, "is null; allowed are texts"),
    ({"inputs": [["a", "b"]]}, "is ['a', 'b']; allowed are texts"),
    ({"inputs": []}, "the input has shape (0,); allowed are texts (N,), at least one"),
    ({"inputs": "a rose"}, "missing inputs ['text']"),
    ({"inputs": {"sentence": ["a rose"]}}, "missing inputs ['text']"),
    ({"dataframe_records": [{"sentence": "a rose"}]}, "missing inputs ['text']"),
]


@pytest.fixture(scope="module")
def published(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    root = tmp_path_factory.mktemp("published") / "texts"
    shutil.copytree(texts, root)
    laboratory = Laboratory(root)
    laboratory.publish()
    return laboratory


# A version answers on a machine that has what its requirements list, and no torch where they list none.
ELSEWHERE = """
import json, sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in json.loads(sys.argv[2]):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from mlflow import pyfunc
print(json.dumps(pyfunc.load_model(sys.argv[1]).predict({"text": sys.argv[3]}).tolist()))
"""


def given(laboratory: Laboratory, data: str) -> list[str]:
    """The test texts of a data set, as a person would write them."""
    source = laboratory.root / data
    raw: Raw = text_table.read(source, text="text", label="topic") if data == "news" else conllu.read(source)
    return [item if isinstance(item, str) else " ".join(item) for item in raw.splits["test"][0]]


def evaluated(laboratory: Laboratory, row: str) -> np.ndarray:
    """The test scores that the project's own evaluation is of: of items, or of words one after another."""
    folder = laboratory.root / "evaluations" / "laptop" / row / "seed0" / "predict"
    return np.load(folder / "predictions.npz")["test"]


def samples(laboratory: Laboratory, row: str) -> dict[str, Any]:
    found: dict[str, Any] = read_json(laboratory.roots.prepared(row.partition("_")[0]) / "samples.json")
    return found


def tags(scores: np.ndarray, texts: list[str], classes: list[str]) -> list[list[str]]:
    """Of the scores of all words the best tags, by text."""
    found = iter(scores.argmax(axis=1))
    return [[classes[next(found)] for _ in text.split()] for text in texts]


@pytest.mark.parametrize("locator", VERSIONS)
def test_mlflow_answers_texts_as_they_were_evaluated(published: Laboratory, locator: str) -> None:
    row = VERSIONS[locator]
    folder = load(locator, published.roots)
    model, texts = pyfunc.load_model(str(folder)), given(published, row.partition("_")[0])
    wanted: Any = evaluated(published, row)
    assert [(c.name, c.type.name) for c in model.metadata.get_input_schema().inputs] == [("text", "string")]
    for asked in (pd.DataFrame({"text": texts}), [{"text": text} for text in texts]):
        found = model.predict(asked)
        if row.startswith("treebank"):
            assert found == tags(wanted, texts, model.metadata.metadata["classes"])
            assert "of each text a class for each of its words" in model.metadata.metadata["output"]
        else:
            np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert model.input_example["text"].tolist() == [samples(published, row)["test"]] and len(found) == len(texts)


def test_a_word_beyond_the_longest_text_has_no_tag(published: Laboratory) -> None:
    model = pyfunc.load_model(str(load("treebank-lstm/1", published.roots)))
    (found,) = model.predict({"text": "the dog " * 20})
    assert len(found) == 40 and found[:2] == ["DET", "NOUN"] and None not in found[:24] and set(found[24:]) == {None}


@pytest.mark.parametrize("locator", ["news-lstm/1", "treebank-lstm/1"])
def test_a_text_is_cut_once(published: Laboratory, monkeypatch: pytest.MonkeyPatch, locator: str) -> None:
    model, asked, opened = loader.load(load(locator, published.roots)), [], _own.opened

    def noted(path: Path) -> Any:
        asked.append(path)
        return opened(path)

    monkeypatch.setattr("pipeline.data.text.opened", noted)
    assert len(model.predict(["the dog", "to walk"])) == 2 and len(asked) == 1


@pytest.mark.parametrize("locator", ["news-svm/1", "news-text_cnn/3", "treebank-lstm/1"])
def test_a_server_takes_texts_and_says_what_is_none(published: Laboratory, tmp_path: Path, locator: str) -> None:
    row = VERSIONS[locator]
    texts = given(published, row.partition("_")[0])[:4]
    wanted: Any = evaluated(published, row)[:4]
    if row.startswith("treebank"):
        classes = read_json(load(locator, published.roots) / "result.json")["classes"]
        wanted = tags(evaluated(published, row), texts, classes)
    forms: list[dict[str, Any]] = [
        {"dataframe_records": [{"text": text} for text in texts]},
        {"dataframe_split": {"columns": ["text"], "data": [[text] for text in texts]}},
        {"inputs": texts},
        {"inputs": {"text": texts}},
        {"instances": texts},
    ]
    with serving(lambda port: serve_command(locator, port, published.roots), "/ping", tmp_path) as server:
        url = f"{server}/invocations"
        for form in forms:
            found = ask(url, form)["predictions"]
            if row.startswith("treebank"):
                assert found == wanted
            else:
                np.testing.assert_allclose(found, wanted, atol=1e-5)
        example = json.loads((load(locator, published.roots) / "serving_input_example.json").read_text())
        assert list(example) == ["dataframe_records"] and len(ask(url, example)["predictions"]) == 1
        for body, said in REFUSED:
            assert said in refusal(url, body)


@pytest.mark.parametrize(
    ("locator", "absent"),
    [
        ("news-svm/1", ["torch", "pytorch_lightning", "onnxruntime", "transformers"]),
        ("news-text_cnn/3", ["torch", "pytorch_lightning", "sklearn", "transformers"]),
    ],
)
def test_a_version_needs_no_more_than_it_lists(
    published: Laboratory, tmp_path: Path, locator: str, absent: list[str]
) -> None:
    folder = load(locator, published.roots)
    listed = {line.partition("==")[0] for line in (folder / "requirements.txt").read_text().split()}
    assert "tokenizers" in listed and not listed & set(absent)
    text = given(published, "news")[0]
    said = corpora.run(tmp_path, "-c", ELSEWHERE, str(folder), json.dumps(absent), text)
    np.testing.assert_allclose(json.loads(said)[0], evaluated(published, VERSIONS[locator])[0], atol=1e-5)


OTHERS = """
  others: {by: words, length: 24, options: {lower: false}}
  its_own: {by: pretrained, length: 30, source: ./own}
recipes:
"""
STARTED = "  news_{tokens}:\n    {{data: news, tokens: {tokens}, start: {{weights: news-lstm/1}}, {rest}\n"


def test_a_row_starts_from_a_version_of_its_own_tokens_alone(published: Laboratory) -> None:
    """The vocabularies of both are of one size, so that no shape tells."""
    rest = corpora.SECTIONS.split("news_lstm: {data: news, ")[1].splitlines()[0]
    rows = "".join(STARTED.format(tokens=tokens, rest=rest) for tokens in ("others", "its_own"))
    published.edit("\nrecipes:\n", OTHERS)
    published.edit("variants:\n", f"{rows}variants:\n")
    (published.root / "own").mkdir()
    shutil.copyfile(load("news-lstm/1", published.roots) / "tokenizer.json", published.root / "own" / "tokenizer.json")
    published.run("news_others", "news_its_own")
    refused, trained = (read_json(published.shown(f"news_{t}") / "seed0/result.json") for t in ("others", "its_own"))
    assert trained["status"] == "ok" and refused["status"] == "failed"
    assert refused["vocabulary"] == trained["vocabulary"]
    said = "its own tokenizer, but those of news are of another: token 3 is 'a' there"
    assert said in refused["reason"] and "entry of tokenizers {by: pretrained, source: ./folder}" in refused["reason"]
