"""A table of text and labels, read as pandas reads it, and what in it is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from pipeline.data.raw import DataError, Raw
from pipeline.data.readers import text_table
from tests.data.reading import encoded, write

TEXTS = ["good, really", 'it said "no"', "two\nlines", "# tagged", "Dvořák's ninth", " spaces around "]
LABELS = ["pos", "neg", "neg", "pos", "pos", "neg"]


def items(raw: Raw, split: str = "train") -> tuple[list[Any], list[Any]]:
    x, y = raw.splits[split]
    assert raw.kind == "tokens" and x.dtype == object and x.shape == y.shape == (len(x),)
    return x.tolist(), y.tolist()


@pytest.mark.parametrize("options", [{"text": "said", "label": "mood"}, {"text": 1, "label": -1, "header": True}])
@pytest.mark.parametrize(("separator", "encoding"), [(",", "utf-8"), ("\t", "utf-16"), (";", "cp1250")])
def test_what_pandas_writes(tmp_path: Path, options: dict[str, Any], separator: str, encoding: str) -> None:
    frame = pandas.DataFrame({"number": range(6), "said": TEXTS, "mood": LABELS})
    frame.to_csv(tmp_path / "a.csv", index=False, sep=separator, encoding=encoding)
    raw = text_table.read(tmp_path / "a.csv", encoding=encoding, delimiter=separator, **options)
    assert items(raw) == (TEXTS, LABELS)
    assert raw.where and raw.where("train", 2) == f"{tmp_path / 'a.csv'}:5"  # where its second line ends
    assert encoded(raw).classes == ["neg", "pos"]


def test_quotation_marks_as_characters(tmp_path: Path) -> None:
    write(tmp_path / "a.tsv", '1\t"Yes" she said\n0\t"no\n1\t yes" \n')
    raw = text_table.read(tmp_path, text=1, label=0, header=False, quotes=False)
    assert items(raw) == (['"Yes" she said', '"no', ' yes" '], ["1", "0", "1"])
    with pytest.raises(DataError, match=r"a.tsv:1: no table of text: '\t' expected after"):
        text_table.read(tmp_path, text=1, label=0, header=False)
    write(tmp_path / "a.tsv", '0\t"no\n1\tyes"\n1\tright\n')  # two items, or one with a line break and a tab in it?
    assert items(text_table.read(tmp_path, text=1, label=0, header=False, quotes=False))[0] == ['"no', 'yes"', "right"]
    with pytest.raises(
        DataError, match=r"a.tsv:2: 1 of 2 rows, the first here: line break and tab in .*\{quotes: false\}"
    ):
        text_table.read(tmp_path, text=1, label=0, header=False)


def test_a_cell_that_goes_on_after_its_quotation_mark_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", 'y,x\n1,fine\n1,"Yes" she said\n0,no\n')
    with pytest.raises(DataError, match="a.csv:3: no table of text: ',' expected after"):
        text_table.read(tmp_path, text="x", label="y")


def test_three_lines_above_the_table_and_an_empty_one(tmp_path: Path) -> None:
    """As Orange writes a table: names, types and roles."""
    for split in ("train", "test"):
        write(tmp_path / f"{split}.tab", f"Category\tText\nd\tstring\nclass\t\n\nacq\t{split} one\nearn\ttwo\n")
    raw = text_table.read(tmp_path, text=1, label=0, skip=4, header=False)
    assert items(raw) == (["train one", "two"], ["acq", "earn"]) and items(raw, "test")[0] == ["test one", "two"]


def test_ratings_above_a_threshold(tmp_path: Path) -> None:
    write(tmp_path / "a.tsv", "1\t-0.5\tbad\n2\t0\tso so\n3\t1e-3\tgood\n4\t+2\tbest\n")
    raw = text_table.read(tmp_path, text=2, label=1, header=False, above=0.0)
    assert raw.classes == ["negative", "positive"] and items(raw)[1] == [0, 0, 1, 1]
    raw = text_table.read(tmp_path, text=2, label=1, header=False, above=1.0)
    assert items(raw)[1] == [0, 0, 0, 1]


def test_a_text_longer_than_the_limit_of_python_s_csv(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", f"x,y\n{'word ' * 50_000},0\nshort,1\n")
    assert len(items(text_table.read(tmp_path, text="x", label="y"))[0][0]) == 250_000


def test_a_first_text_that_begins_with_a_hash(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "#happy day,pos\nrain,neg\n")
    assert items(text_table.read(tmp_path, text=0, label=1, header=False))[0] == ["#happy day", "rain"]
    with pytest.raises(DataError, match=r"'#happy day' is no part of the table.*\{skip: 1\}, or `header`, if it is"):
        text_table.read(tmp_path, text=0, label=1)


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "another width": ("a,1\nb,0,2\nc\n", {}, "a.csv:2: 2 of 3 rows, the first here: other than 2 columns; correct"),
    "no such column": ("a,1\nb,0\n", {"text": 2}, "option text: 2 of 2 columns; every column"),
    "no such name": ("x,y\nb,0\n", {"text": "z", "header": True}, "option text names 'z'; the columns are x, y"),
    "text is the label": (
        "a,1\nb,0\n",
        {"text": 1},
        "options label and text both name column 1; take another column for one of them",
    ),
    "header or item": ("text,label\ngood,pos\nbad,neg\n", {"header": None}, r"Write option \{header: true\}"),
    "no number": (
        "a,1\nb,x\n",
        {"above": 0.0},
        "a.csv:2: 1 of 2 rows, the first here: no number as label, which .* needs",
    ),
    "odd quotation marks": ('a,1\n"b,0\n', {}, r"one has no partner.*\{quotes: false\}"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_line_and_count(tmp_path: Path, name: str) -> None:
    content, options, said = REFUSED[name]
    write(tmp_path / "a.csv", content)
    with pytest.raises(DataError, match=said) as caught:
        text_table.read(tmp_path, **{"text": 0, "label": 1, "header": False, "delimiter": ",", **options})
    assert str(tmp_path) in str(caught.value)


def test_not_utf8_is_refused_with_its_line_and_read_with_its_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("x,y\nplain,0\ncafé,1\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"a.csv:3: byte 15 \(0xe9\) is no utf-8"):
        text_table.read(tmp_path, text="x", label="y")
    assert items(text_table.read(tmp_path, text="x", label="y", encoding="latin-1"))[0] == ["plain", "café"]


def test_columns_of_other_splits_are_found_by_name(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "x,y\ngood,1\nbad,0\n")
    write(tmp_path / "dev.csv", "y,x\n1,fine\n")
    raw = text_table.read(tmp_path, text="x", label="y")
    assert items(raw, "validation") == (["fine"], ["1"]) and np.array_equal(raw.splits["train"][1], ["1", "0"])
