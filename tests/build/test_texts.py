"""Rows of texts through the whole build: every kind of model learns, and what rows need alike is made once."""

import csv
from pathlib import Path

import pytest

from pipeline.cells.cell import read_json

ROWS = {
    "news_cnn": "news",
    "news_lstm": "news",
    "news_letters": "news-letters",
    "news_svm": "news",
    "treebank_lstm": "treebank",
    "treebank_crf": "treebank",
}
VARIANTS = ["news_cnn_int8", "news_lstm_int8", "treebank_lstm_int8"]


@pytest.mark.parametrize("row", [*ROWS, *VARIANTS])
def test_every_kind_of_model_of_texts_learns_and_is_scored(texts: Path, row: str) -> None:
    with (texts / "results" / "laptop" / row / "scores.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert {line["status"] for line in lines} == {"ok"}
    values = {(line["split"], line["metric"]): float(line["value"]) for line in lines}
    assert values["test", "accuracy"] > 0.9 and values["test", "macro_f1"] > 0.9
    assert values["", "bytes"] > 0
    if row in VARIANTS:
        assert values["test", "accuracy"] > values["test", "onnx_float32_accuracy"] - 0.05


def test_two_tokenizers_of_one_data_set_are_prepared_once_each(texts: Path) -> None:
    assert sorted(p.name for p in (texts / "data" / "prepared").iterdir()) == sorted(set(ROWS.values()))
    kinds = [read_json(path)["kind"] for path in (texts / ".cells").glob("*/spec.json")]
    assert kinds.count("fetch") == 2 and kinds.count("prepare") == 3
    given: dict[str, set[str]] = {}
    for row, prepared in ROWS.items():
        folder, data = texts / "artifacts" / "laptop" / "train" / row / "seed0", texts / "data" / "prepared" / prepared
        given.setdefault(prepared, set()).add(read_json(folder / "spec.json")["inputs"]["data"])
        assert (folder / "tokenizer.json").read_bytes() == (data / "tokenizer.json").read_bytes()
    assert [len(digests) for digests in given.values()] == [1, 1, 1] and len(set.union(*given.values())) == 3
    words, letters = (read_json(texts / "data" / "prepared" / name / "meta.json") for name in ("news", "news-letters"))
    assert words["shape"] == [24] and letters["shape"] == [60] and words["vocabulary"] != letters["vocabulary"]
    assert words["counts"] == letters["counts"], "the same items in the same splits"
