"""CoNLL-U: which lines are words, and what is malformed."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.cells.cell import write_json
from pipeline.data import prepare
from pipeline.data.raw import DataError
from pipeline.data.readers import conllu
from pipeline.data.spec import Prepare, Split, Tokens
from tests.data.reading import write


def word(number: int | str, form: str, upos: str = "NOUN", xpos: str = "NN") -> str:
    return "\t".join([str(number), form, "_", upos, xpos, "_", "0", "root", "_", "_"]) + "\n"


# Spanish of the format's own description: "vámonos al mar", and an empty node as enhanced dependencies have it.
SPANISH = (
    "# sent_id = 1\n# text = vámonos al mar\n" + word("1-2", "vámonos", "_", "_") + word(1, "vamos", "VERB", "V")
    + word(2, "nos", "PRON", "P") + word("3-4", "al", "_", "_") + word(3, "a", "ADP", "S") + word(4, "el", "DET", "D")
    + "# a comment in between\n" + word(5, "mar") + word("5.1", "nada", "VERB", "V") + "\n"
)  # fmt: skip


def test_words_tags_ranges_empty_nodes_and_comments(tmp_path: Path) -> None:
    write(tmp_path / "a.conllu", "\n" + SPANISH + word(1, "New York", "PROPN"))  # no empty line at its end
    raw = conllu.read(tmp_path)
    x, y = raw.splits["train"]
    assert raw.kind == "tokens" and x.shape == y.shape == (2,) and x.dtype == y.dtype == object
    assert x.tolist() == [("vamos", "nos", "a", "el", "mar"), ("New York",)]
    assert y.tolist() == [("VERB", "PRON", "ADP", "DET", "NOUN"), ("PROPN",)]
    assert conllu.read(tmp_path, tag="xpos").splits["train"][1][0] == ("V", "P", "S", "D", "NN")
    assert raw.where and raw.where("train", 0) == f"{tmp_path / 'a.conllu'}:5"


def test_windows_line_ends_and_characters_that_only_look_like_them(tmp_path: Path) -> None:
    text = word(1, "one\u2028half") + word(2, "two\x85") + "\n" + word(1, "three")
    (tmp_path / "a.conllu").write_bytes(text.replace("\n", "\r\n").encode())
    assert conllu.read(tmp_path).splits["train"][0].tolist() == [("one\u2028half", "two\x85"), ("three",)]


@pytest.mark.parametrize("names", [("train", "dev", "test"), ("tr_imst-ud-train", "tr_imst-ud-dev", "tr_imst-ud-test")])
def test_splits_are_named_as_universal_dependencies_name_them(tmp_path: Path, names: tuple[str, ...]) -> None:
    for number, name in enumerate(names):
        write(tmp_path / f"{name}.conllu", word(1, str(number)))
    raw = conllu.read(tmp_path)
    assert {split: x.tolist() for split, (x, _) in raw.splits.items()} == {
        "train": [("0",)], "validation": [("1",)], "test": [("2",)]
    }  # fmt: skip
    chosen = conllu.read(tmp_path, files=[f"{names[2]}.conllu", f"{names[0]}.conllu"])
    assert {split: x.tolist() for split, (x, _) in chosen.splits.items()} == {"train": [("2",), ("0",)]}
    with pytest.raises(DataError, match="tenths goes with files that are not named as splits"):
        conllu.read(tmp_path, tenths=True)


def test_tenths_of_each_file(tmp_path: Path) -> None:
    for name, count in (("web", 21), ("wiki", 10)):
        write(tmp_path / f"{name}.conllu", "\n".join(word(1, f"{name}{n}") for n in range(count)))
    raw = conllu.read(tmp_path, files=["web.conllu", "wiki.conllu"], tenths=True)
    found = {split: [words[0] for words in x] for split, (x, _) in raw.splits.items()}
    assert found["validation"] == ["web8", "web18", "wiki8"] and found["test"] == ["web9", "web19", "wiki9"]
    assert len(found["train"]) == 25 and raw.where and raw.where("test", 2) == f"{tmp_path / 'wiki.conllu'}:19"


MALFORMED = {
    "nine columns": (word(1, "a") + "2\tb\t_\tNOUN\n", r"a.conllu:2: '2\\tb.* is no word 2 of ten columns"),
    "spaces for tabs": ("1 a _ NOUN NN _ 0 root _ _\n", "a.conllu:1: .* is no word 1"),
    "a number left out": (word(1, "a") + word(3, "c"), "a.conllu:2: .* is no word 2"),
    "no empty line between sentences": (word(1, "a") + word(1, "b"), "a.conllu:2: .* is no word 2"),
    "no tag": (
        word(1, "a") + word(2, "b", "_"),
        "a.conllu:2: .* is a word without upos, .*`tag`.*malformed: 1; correct",
    ),
    "no form": (word(1, " "), "a.conllu:1: .* is a word without form"),
    "two of three": (
        word(1, "a", "_") + word(3, "b") + "\n" + word(1, "c") + "\n# third\n" + word(2, "d"),
        "a.conllu:1: .*; sentences that are malformed: 2; correct or remove them",
    ),
    "nothing": ("# alone\n\n", "a.conllu: no sentences"),
    "CSV": ("text,label\n", "a.conllu:1: 'text,label' is no word 1"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_is_refused_with_file_and_line(tmp_path: Path, name: str) -> None:
    content, said = MALFORMED[name]
    write(tmp_path / "a.conllu", content)
    with pytest.raises(DataError, match=said):
        conllu.read(tmp_path)


def test_not_utf8_is_refused_with_its_byte(tmp_path: Path) -> None:
    (tmp_path / "a.conllu").write_bytes(word(1, "ışık").encode("iso8859-9"))
    with pytest.raises(DataError, match=r"a.conllu: byte 2 \(0xfd\) is no utf-8"):
        conllu.read(tmp_path)


def tagging(folder: Path) -> dict[str, Any]:
    """The record of a prepare cell of the files in `folder`."""
    write_json(folder / "card.json", {"title": "mine", "path": str(folder)})
    tokens = Tokens(by="words", length=8)
    spec = Prepare(data="mine", reader="conllu", options={}, task="tagging", split=Split(), tokens=tokens)
    return prepare.run(spec, folder, {"raw": folder})


def test_a_tag_that_train_lacks_is_refused_with_its_place_counts_and_what_to_do(tmp_path: Path) -> None:
    words = [word(1, "a") + word(2, "b", "VERB"), word(1, "c", "VERB") + word(2, "d", "INTJ") + word(3, "e", "INTJ")]
    for split, text in (("train", words[0]), ("dev", words[1]), ("test", words[0])):
        write(tmp_path / f"{split}.conllu", text)
    said = (
        "mine, train: no word of class INTJ; of INTJ there are 0 in train, 2 in validation, 0 in test, the first in "
        f"{tmp_path / 'dev.conllu'}:1; move some to train, or correct or leave out all of them"
    )
    with pytest.raises(DataError) as caught:
        tagging(tmp_path)
    assert str(caught.value) == said


def test_a_tag_that_train_alone_has_is_told(tmp_path: Path) -> None:
    for split in ("train", "dev", "test"):
        rare = word(3, "ah", "INTJ") if split == "train" else ""
        write(tmp_path / f"{split}.conllu", word(1, "a") + word(2, "b", "VERB") + rare)
    remarks = tagging(tmp_path)["remarks"]
    assert "no INTJ in validation: how well that is recognised is not measured there" in remarks
