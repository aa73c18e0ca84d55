"""Text as tokens: fitted on train alone, cut, counted, refused where nothing is left, and served the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from pipeline.cells.cell import read_json
from pipeline.data import ragged, text
from pipeline.data.items import raw_items
from pipeline.data.raw import DataError, Raw
from pipeline.data.spec import Facts, Tokens, Vocabulary
from pipeline.data.tokenizers import words
from pipeline.data.tokenizers._own import SPECIAL
from pipeline.tasks._task import find

TRAIN = [
    "The cat sat, the dog did not.",
    "a Dog\nand   another dog!",
    "Élan vital",
    "one two three four five six seven",
]
TEST = ["the bird sat", "vital"]


def written(folder: Path, train: list[str] = TRAIN, test: list[str] = TEST, **spec: Any) -> dict[str, Any]:
    splits = {"train": train, "test": test}
    raw = Raw(
        "tokens",
        {split: (np.array(texts, object), np.arange(len(texts)) % 2) for split, texts in splits.items()},
        where=lambda split, number: f"corpus/{split}.tsv:{number + 1}",
    )
    places = {split: (split, np.arange(len(texts))) for split, texts in splits.items()}
    return text.write(raw, places, Tokens(**{"by": "words", "length": 5, **spec}), None, folder, "corpus", ["a", "b"])


def tokens(folder: Path, split: str) -> list[list[str]]:
    """What is read back, as text."""
    known = Tokenizer.from_file(str(folder / "tokenizer.json"))
    x = ragged.load(folder, f"x_{split}", 0, 5)
    return [[known.id_to_token(int(n)) for n in x[i][0]] for i in range(len(x))]


def test_words_are_those_of_train_and_long_texts_are_cut(tmp_path: Path) -> None:
    meta = written(tmp_path)
    assert tokens(tmp_path, "train") == [
        ["the", "cat", "sat", ",", "the"],
        ["a", "dog", "and", "another", "dog"],
        ["élan", "vital"],
        ["one", "two", "three", "four", "five"],
    ]
    assert tokens(tmp_path, "test") == [["the", "[UNK]", "sat"], ["vital"]]
    assert meta["shape"] == [5] and meta["vocabulary"]["padding"] == 0
    assert meta["tokens"]["train"] == {"all": 17, "longest": 5, "cut": 3, "unknown": 0.0}
    assert meta["tokens"]["test"] == {"all": 4, "longest": 3, "cut": 0, "unknown": 0.25}
    assert read_json(tmp_path / "samples.json")["test"] == TEST[0]


@pytest.mark.parametrize("by", ["words", "characters", "bpe"])
def test_the_test_texts_change_no_vocabulary(tmp_path: Path, by: str) -> None:
    for name, test in (("a", TEST), ("b", ["zebra zebra zebra ☃"])):
        (tmp_path / name).mkdir()
        written(tmp_path / name, test=test, by=by)
    assert (tmp_path / "a/tokenizer.json").read_bytes() == (tmp_path / "b/tokenizer.json").read_bytes()


def test_pieces_of_words_make_the_text_again(tmp_path: Path) -> None:
    written(tmp_path, by="bpe", length=50)
    known = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    x = ragged.load(tmp_path, "x_train", 0, 50)
    assert [known.decode(x[i][0].tolist()) for i in range(len(x))] == TRAIN


def test_a_text_without_a_token_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"corpus/train.tsv:2: the text '  ' has no token \(2 of 3 texts have none\)"):
        written(tmp_path, ["a b", "  ", ""])


def test_a_vocabulary_without_a_word_of_train_is_refused(tmp_path: Path) -> None:
    said = (
        "corpus: all texts of train are made of one token, .* words with options {'at_least': 9} has a vocabulary of 2"
    )
    with pytest.raises(DataError, match=said):
        written(tmp_path, options={"at_least": 9})


def test_labels_that_are_of_another_task_are_refused() -> None:
    whole, tags = np.array(["NOUN", "VERB"], object), np.empty(2, object)
    tags[:] = [("NOUN",), ("VERB", "NOUN")]
    with pytest.raises(DataError, match="an item has one label, 'NOUN', but task tagging is of a tag for each word"):
        find("tagging").encode(whole, None)
    with pytest.raises(DataError, match="items have a label for each of their words; that is task tagging"):
        find("classification").encode(tags, None)
    assert find("tagging").encode(tags, None)[1] == find("classification").encode(whole, None)[1] == ["NOUN", "VERB"]


def test_a_served_model_gets_the_same_tokens(tmp_path: Path) -> None:
    meta = written(tmp_path)
    vocabulary = Vocabulary(**meta["vocabulary"])
    facts = Facts(kind="tokens", shape=[5], classes=["a", "b"], outputs=2, vocabulary=vocabulary)
    asked, kept = raw_items(TRAIN, facts, tmp_path), ragged.load(tmp_path, "x_train", 0, 5)
    assert np.array_equal(asked[:], kept[:]) and np.array_equal(asked.lengths, kept.lengths)
    for wrong, what in (
        ([], "at least one"),
        (["a", 3], "item 1 .* is 3; allowed are texts"),
        (["a", None], "item 1 .* is null; allowed are texts"),
        (["a", float("nan")], "item 1 .* is null; allowed are texts"),
        (["the", " "], "item 1 .* the text ' ' has no token"),
        ([["a", "b"]], r"shape \(1, 2\)"),
    ):
        with pytest.raises(ValueError, match=what):
            raw_items(wrong, facts, tmp_path)


@pytest.mark.parametrize("by", ["words", "characters", "bpe"])
def test_names_of_special_tokens_are_text_where_they_stand_in_one(tmp_path: Path, by: str) -> None:
    odd = "the [PAD] dog [UNK] and [ two ] P A D U N K pad unk"
    meta = written(tmp_path, [odd, *TRAIN], [odd, "vital"], by=by, length=60)
    for split in ("train", "test"):
        assert not {0, 1} & set(ragged.load(tmp_path, f"x_{split}", 0, 60)[0][0].tolist())
    facts = Facts(kind="tokens", shape=[60], classes=["a", "b"], outputs=2, vocabulary=Vocabulary(**meta["vocabulary"]))
    assert np.array_equal(raw_items([odd], facts, tmp_path)[:], ragged.load(tmp_path, "x_train", 0, 60)[0])


def test_how_tokenizers_differ(tmp_path: Path) -> None:
    for name, texts, lower in (("one", "a b", True), ("two", "a c", True), ("large", "a b", False)):
        words.fit([texts], None, SPECIAL, lower=lower).save(str(tmp_path / name))
    one, two, large = (tmp_path / name for name in ("one", "two", "large"))
    assert text.difference(one, one) is None
    assert text.difference(one, two) == "token 3 is 'b' there and 'c' here"
    assert text.difference(one, large) == (
        "the vocabularies are the same, but text is normalised or split in another way"
    )
