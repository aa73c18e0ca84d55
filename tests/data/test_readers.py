"""Tables and series of a user's own: read as they are, or refused with the file and the line that is wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.data.raw import DataError, encode
from pipeline.data.readers import csv, ts
from tests.data.reading import encoded, write

# csv


def test_csv_with_header_names_and_quotes(tmp_path: Path) -> None:
    raw = encoded(csv.read(write(tmp_path / "t.csv", 'a,b,"kind"\n1,2.5,"cat, wild"\n\n3,-4e1,dog\n'), skip=1))
    x, y = raw.splits["train"]
    assert x.tolist() == [[1, 2.5], [3, -40]] and x.dtype == np.float32
    assert raw.classes == ["cat, wild", "dog"] and y.tolist() == [0, 1]


def test_csv_columns_kept_and_classes_renumbered(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "0,1,2,3\n2,4,5,6\n1,7,8,9\n")
    raw = encoded(csv.read(path, label=0, columns=[0, 2], keep=[2, 1], classes=["a", "b", "c"]))
    assert raw.splits["train"][0].tolist() == [[4, 6], [7, 9]]
    assert raw.splits["train"][1].tolist() == [1, 0] and raw.classes == ["b", "c"]


def test_csv_splits_of_the_source_share_their_classes(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "1,cat\n2,dog\n")
    write(tmp_path / "test.csv", "3,ant\n4,dog\n")
    raw = encoded(csv.read(tmp_path))
    assert raw.classes == ["ant", "cat", "dog"]
    assert raw.splits["train"][1].tolist() == [1, 2] and raw.splits["test"][1].tolist() == [0, 2]


def test_csv_of_images(tmp_path: Path) -> None:
    raw = csv.read(write(tmp_path / "t.csv", "0,255,3,4,1\n5,6,7,8,0\n"), shape=[1, 2, 2])
    assert raw.splits["train"][0].dtype == np.uint8 and raw.splits["train"][0][0].tolist() == [[[0, 255], [3, 4]]]


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("1,2,0\n3,x,1\n", {}, "t.csv:2: 'x'"),
        ("a,b,kind\n1,2,0\n", {}, "t.csv:1: 'a' .*skip"),
        ("a,b,c\n1,2,0\n\n\n3,,1\n", {"skip": 1}, "t.csv:5: ''"),
        ("1,2,0\n1,2,3,4\n", {}, "t.csv:2: 4 values.* 3"),
        ("1,2,0\n\n\n1,0\n", {}, "t.csv:4: 2 values.* 3"),
        ("", {}, "t.csv: no rows"),
        ("a,b\n", {"skip": 1}, "t.csv: no rows"),
        ("0\n1\n", {}, "at least one"),
        ("1,2,0\n", {"label": 5}, "t.csv:1: label 5 of 3 columns"),
        ("1,2,0\n1,2,0\n", {"columns": [2]}, "columns .*2.* 2 features"),
        ("1,b,0\n1,c,1\n", {"categorical": [3]}, "categorical .*3.* 2 features"),
        ("1,2,0\n3,4,1\n", {"keep": [0, 7]}, "keep.*7"),
        ("1,2,3,4,0\n", {"shape": [1, 3, 3]}, "4 values.*9"),
        ("1,2,3,300,0\n", {"shape": [1, 2, 2]}, "1 of 4 .*0 to 255"),
        ("1,2,3,-1,0\n", {"shape": [1, 2, 2]}, "0 to 255"),
        ("1,2,3,0.5,0\n", {"shape": [1, 2, 2]}, "0 to 255"),
        ("1,2,3,nan,0\n", {"shape": [1, 2, 2]}, "0 to 255"),
        ("1,2,1000000\n", {}, "labels go up to 1000000, more classes than the 1 items"),
        ("1,2,cat\n1,2,cow\n", {"classes": ["cat", "dog"]}, "1 of 2 labels.*cow"),
    ],
)
def test_csv_refuses(tmp_path: Path, text: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        encoded(csv.read(write(tmp_path / "t.csv", text), **options))


def test_csv_refuses_a_folder_of_several_tables(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        write(tmp_path / name, "1,0\n")
    with pytest.raises(DataError, match="one.csv.*two.csv"):
        csv.read(tmp_path)
    with pytest.raises(DataError, match="expected one .csv"):
        csv.read(tmp_path / "nothing")


def test_names_keep_the_order_that_is_given() -> None:
    y, classes = encode(np.array(["dog", "cat", "dog"]), ["dog", "cat"])
    assert y.tolist() == [0, 1, 0] and classes == ["dog", "cat"]


@pytest.mark.parametrize(("labels", "said"), [([0.0, np.nan], "1 of 2 labels.*nan"), ([0.5, 1.0], "0.5")])
def test_labels_that_are_no_whole_numbers_are_refused(labels: list[float], said: str) -> None:
    with pytest.raises(DataError, match=said):
        encode(np.array(labels))


def test_csv_of_numbers_to_predict(tmp_path: Path) -> None:
    raw = csv.read(write(tmp_path / "t.csv", "1,2.5\n3,-0.25\n"))
    assert encoded(raw, "regression").splits["train"][1].tolist() == [2.5, -0.25]
    with pytest.raises(DataError, match="a target is no number: .*cat"):
        encoded(csv.read(write(tmp_path / "u.csv", "1,cat\n3,2\n")), "regression")


def test_csv_turns_names_into_columns(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "1,red,5\n2,blue,6\n")
    write(tmp_path / "test.csv", "3,green,7\n")
    raw = csv.read(tmp_path, categorical=[1])  # blue, green, red
    assert raw.splits["train"][0].tolist() == [[1, 0, 0, 1], [2, 1, 0, 0]]
    assert raw.splits["test"][0].tolist() == [[3, 0, 1, 0]]


def test_csv_with_labels_in_a_file_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "t.csv", "1 2\n3 4\n")
    write(tmp_path / "target.csv", "1.5e+01\n2.5\n")
    raw = encoded(csv.read(tmp_path, label_file="target.csv", delimiter=" "), "regression")
    assert raw.splits["train"][0].tolist() == [[1, 2], [3, 4]] and raw.splits["train"][1].tolist() == [15.0, 2.5]
    write(tmp_path / "target.csv", "1\n2\n3\n")
    with pytest.raises(DataError, match="target.csv: 3 labels for 2 rows"):
        csv.read(tmp_path, label_file="target.csv", delimiter=" ")


# ts

SERIES = """# a comment
@problemName mine
@equalLength false
@classLabel true a b
@data
1,2,3:4,5,6:a
7,8:9,10:b
"""


def test_ts_fills_short_series_up_with_nan(tmp_path: Path) -> None:
    write(tmp_path / "train.ts", SERIES)
    write(tmp_path / "test.ts", SERIES.replace("7,8:9,10:b", "1,2,3,4:5,6,7,8:b"))
    raw = encoded(ts.read(tmp_path))
    x, y = raw.splits["train"]
    assert x.shape == (2, 4, 2) and raw.classes == ["a", "b"] and y.tolist() == [0, 1]
    np.testing.assert_array_equal(x[1], [[7, 9], [8, 10], [np.nan, np.nan], [np.nan, np.nan]])
    assert raw.splits["test"][0][1].tolist() == [[1, 5], [2, 6], [3, 7], [4, 8]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SERIES.replace("7,8:9,10", "7,8:9"), "train.ts:7: no series of numbers"),
        (SERIES.replace("7,8", "7,x"), "train.ts:7: .*'x'"),
        (SERIES.replace("7,8:9,10", "7,8"), r"series of \[1, 2\] dimensions"),
        (SERIES.replace("@classLabel true a b\n", ""), "2 series and 0 classes"),
        ("", "0 series and 0 classes"),
        (SERIES.replace(":b", ":c"), "1 of 4 labels are none of the classes a, b"),
    ],
)
def test_ts_refuses(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path / "train.ts", text)
    write(tmp_path / "test.ts", SERIES)
    with pytest.raises(DataError, match=said):
        encoded(ts.read(tmp_path))
