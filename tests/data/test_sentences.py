"""Targets that are texts: one vocabulary of both languages, begun and ended, cut, counted, kept, refused."""

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from pipeline.cells.cell import read_json
from pipeline.data import dataset, sentences, text
from pipeline.data.raw import DataError, Raw
from pipeline.data.spec import Budget, Tokens
from pipeline.data.tokenizers import words
from pipeline.data.tokenizers._own import SPECIAL
from tests.data import pairs

FEW = {"train": [12, 345, 6789], "validation": [21, 54], "test": [33, 1234567]}


def test_a_target_begins_and_ends_with_tokens_of_one_vocabulary(tmp_path: Path) -> None:
    folder = pairs.prepared(tmp_path, FEW)
    known = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert [known.token_to_id(token) for token in ("[PAD]", "[UNK]", "[BOS]", "[EOS]")] == [0, 1, 2, 3]
    data = dataset.load(folder, Budget(epochs=1), 0, ("train", "validation", "test"))
    x, y = (
        [[known.id_to_token(n) for n in items[i][0]] for i in range(3)] for items in (data.x["train"], data.y["train"])
    )
    assert x[1] == ["three", "four", "five"] and y[1] == ["[BOS]", "trois", "quatre", "cinq", "[EOS]"]
    assert data.y["train"][:].tolist()[0][-2:] == [dataset.IGNORED] * 2  # a batch's shorter targets
    assert data.facts(data.tokens).writes and data.tokens == known.get_vocab_size() == 4 + 9 + 9 - 1  # six is six
    assert data.sentences["validation"].tolist() == [["two one", "deux un"], ["five four", "cinq quatre"]]
    assert "train" not in data.sentences
    assert sentences.texts([[*data.y["train"][1][0]]], folder) == ["trois quatre cinq"]


def test_what_is_too_long_is_cut_counted_and_said(tmp_path: Path) -> None:
    meta = read_json(pairs.prepared(tmp_path, FEW, length=4) / "meta.json")
    assert meta["target_tokens"]["train"] == {"all": 6, "longest": 2, "cut": 2, "unknown": 0.0}
    assert meta["tokens"]["train"]["cut"] == 0 and meta["tokens"]["test"]["cut"] == 1
    assert "cut: 2 of 3 targets of train have more than 2 tokens" in meta["remarks"]  # and begin and end
    assert "cut: 1 of 2 texts of test have more than 4 tokens" in meta["remarks"]


def test_a_budget_draws_sentences_with_their_tokens(tmp_path: Path) -> None:
    folder = pairs.prepared(tmp_path)
    data = dataset.load(folder, Budget(validation=7, epochs=1), 0, ("validation",))
    tokens = [item[1:-1] for item in (data.y["validation"][i][0].tolist() for i in range(7))]
    assert data.sentences["validation"][:, 1].tolist() == sentences.texts(tokens, folder)


@pytest.mark.parametrize("by", ["words", "characters", "bpe"])
def test_tokens_become_the_text_again(tmp_path: Path, by: str) -> None:
    folder = pairs.prepared(tmp_path, by=by, length=60)
    data = dataset.load(folder, Budget(epochs=1), 0, ("test",))
    tokens = [data.y["test"][i][0].tolist() for i in range(3)]
    assert sentences.texts(tokens, folder) == data.sentences["test"][:3, 1].tolist()


def test_test_targets_change_no_vocabulary(tmp_path: Path) -> None:
    for name, test in (("a", [1]), ("b", [999])):
        pairs.prepared(tmp_path / name, {"train": [12, 34], "validation": [5, 6], "test": [*test, 7]})
    first, second = (tmp_path / name / "prepared/counting/tokenizer.json" for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_what_can_not_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="counting: a tokenizer of length 2 has no token between begin and end"):
        pairs.prepared(tmp_path / "short", FEW, length=2)
    with pytest.raises(DataError, match="counting, train: all 2 targets are 'un un'; there is nothing to predict"):
        pairs.prepared(tmp_path / "equal", FEW | {"train": [11, 11]})
    words.fit(["a b"], None, SPECIAL).save(str(tmp_path / "tokenizer.json"))
    part = np.array(["a b"], object), np.array(["b"], object)
    raw = Raw("tokens", {"train": part, "test": part})
    places = {split: (split, np.array([0])) for split in raw.splits}
    with pytest.raises(DataError, match=r"mine: the tokenizer has \[0, 1, None, None\] as numbers of the tokens"):
        text.write(raw, places, Tokens(by="pretrained"), tmp_path, tmp_path, "mine", [])
