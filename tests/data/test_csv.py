"""Tables of a user's own: read as pandas reads them, or refused with the file, the line and what to write."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from pipeline.data.raw import DataError
from pipeline.data.readers import _csv_file, csv
from tests.data.reading import encoded, write

nan = float("nan")


def rows(path: Path, **options: Any) -> list[list[float]]:
    return csv.read(path, **options).splits["train"][0].tolist()


def test_names_and_quotes(tmp_path: Path) -> None:
    raw = encoded(csv.read(write(tmp_path / "t.csv", 'a,b,"kind"\n1,2.5,"cat, wild"\n\n3,-4e1,dog\n')))
    x, y = raw.splits["train"]
    assert x.tolist() == [[1, 2.5], [3, -40]] and x.dtype == np.float32
    assert raw.classes == ["cat, wild", "dog"] and y.tolist() == [0, 1]


def test_columns_kept_and_classes_renumbered(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "0,1,2,4\n2,4,5,6\n1,7,8,9\n")
    raw = csv.read(path, label=0, columns=[1, 3], keep=[2, 1], classes=["a", "b", "c"])
    assert raw.where and raw.where("train", 1) == f"{path}:3"
    raw = encoded(raw)
    assert raw.splits["train"][0].tolist() == [[4, 6], [7, 9]]
    assert raw.splits["train"][1].tolist() == [1, 0] and raw.classes == ["b", "c"]


def test_splits_of_the_source_share_their_classes(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "1,cat\n2,dog\n2,cat\n")
    write(tmp_path / "test.csv", "3,ant\n4,dog\n5,dog\n")
    raw = encoded(csv.read(tmp_path, header=False))
    assert raw.classes == ["ant", "cat", "dog"]
    assert raw.splits["train"][1].tolist() == [1, 2, 1] and raw.splits["test"][1].tolist() == [0, 2, 2]


def test_images(tmp_path: Path) -> None:
    raw = csv.read(write(tmp_path / "t.csv", "0,255,3,4,1\n5,6,7,8,0\n"), shape=[1, 2, 2])
    assert raw.splits["train"][0].dtype == np.uint8 and raw.splits["train"][0][0].tolist() == [[[0, 255], [3, 4]]]


def test_names_become_features(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "size,colour,y\n1,red,5\n2, blue ,6\n2,,6\n")
    write(tmp_path / "test.csv", "size,colour,y\n3,green,7\n")
    raw = csv.read(tmp_path, categorical=["colour"])
    assert raw.splits["train"][0][:2].tolist() == [[1, 0, 0, 1], [2, 1, 0, 0]]
    assert np.isnan(raw.splits["train"][0][2]).tolist() == [False, True, True, True]
    assert raw.splits["test"][0].tolist() == [[3, 0, 1, 0]]
    assert [column.model_dump() for column in raw.columns or []] == [
        {"name": "size", "names": None},
        {"name": "colour", "names": ["blue", "green", "red"]},
    ]


def test_columns_are_those_of_the_same_name(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "a,b,y\n1,2,0\n3,4,1\n")
    write(tmp_path / "test.csv", "y,b,extra,a\n0,20,7,10\n1,40,7,30\n")
    raw = csv.read(tmp_path, label="y")
    assert raw.splits["test"][0].tolist() == [[10, 20], [30, 40]] and raw.splits["test"][1].tolist() == ["0", "1"]
    assert any("test.csv: its columns stand in another order" in remark for remark in raw.remarks)
    write(tmp_path / "test.csv", "y,b\n0,20\n")
    with pytest.raises(DataError, match=r"test.csv: no column 'a', which .*train.csv has; found y, b"):
        csv.read(tmp_path, label="y")
    write(tmp_path / "test.csv", "1,2,0\n3,4,1\n")
    with pytest.raises(DataError, match="train.csv has a header and .*test.csv has none"):
        csv.read(tmp_path)


def test_labels_in_a_file_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "t.csv", "1 2\n3 4\n")
    write(tmp_path / "target.csv", "1.5e+01\n2.5\n")
    raw = encoded(csv.read(tmp_path, label_file="target.csv", delimiter=" "), "regression")
    assert raw.splits["train"][0].tolist() == [[1, 2], [3, 4]] and raw.splits["train"][1].tolist() == [15.0, 2.5]
    write(tmp_path / "target.csv", "1\n2\n3\n")
    with pytest.raises(DataError, match="target.csv: 3 labels for 2 rows"):
        csv.read(tmp_path, label_file="target.csv", delimiter=" ")


# how numbers and tables are written: equal to pandas, or refused with the option that reads it

TABLE = "a,b,y\n1,2.5,u\n-3,4e1,v\n"
DIALECTS: dict[str, tuple[bytes, dict[str, Any], dict[str, Any]]] = {  # bytes, our options, those of pandas
    "comma": (TABLE.encode(), {}, {}),
    "semicolon": (TABLE.replace(",", ";").encode(), {}, {"sep": ";"}),
    "tab": (TABLE.replace(",", "\t").encode(), {}, {"sep": "\t"}),
    "bar": (TABLE.replace(",", "|").encode(), {}, {"sep": "|"}),
    "spaces around": (b"a, b ,y\n 1, 2.5 , u\n-3 ,4e1, v\n", {}, {"skipinitialspace": True}),
    "byte order mark": (TABLE.encode("utf-8-sig"), {}, {}),
    "utf-16": (TABLE.encode("utf-16"), {}, {"encoding": "utf-16"}),
    "utf-16 big endian": (b"\xfe\xff" + TABLE.encode("utf-16-be"), {}, {"encoding": "utf-16"}),
    "utf-16 without a mark": (TABLE.encode("utf-16-le"), {"encoding": "utf-16-le"}, {"encoding": "utf-16-le"}),
    "latin-1": ("a,b,y\n1,2,é\n3,4,ü\n".encode("latin-1"), {"encoding": "latin-1"}, {"encoding": "latin-1"}),
    "carriage returns": (TABLE.replace("\n", "\r\n").encode(), {}, {}),
    "old Mac": (TABLE.replace("\n", "\r").encode(), {}, {}),
    "no last newline": (TABLE.rstrip().encode(), {}, {}),
    "blank lines": (TABLE.replace("\n", "\n\n").encode(), {}, {}),
    "quoted numbers": (b'"a","b","y"\n"1","2.5","u"\n"3","4","v"\n', {}, {}),
    "newline in the header": (b'a,"b\nc",y\n1,2,u\n3,4,v\n', {}, {}),
    "blank lines before the header": (b"\n\na,b,y\n1,2,u\n3,4,v\n", {}, {}),
    "marks with spaces": (
        b"a,b,y\n NA ,1,u\n2, ? ,v\n",
        {},
        {"na_values": ["?", "NA ", "? "], "skipinitialspace": True},
    ),
    "quoted newline": (b'a,b,y\n1,2,"u\nv"\n3,4,"w ""x"""\n', {}, {}),
    "quoted delimiter": (b'a;b;y\n1;2;"u;v"\n3;4;w\n', {}, {"sep": ";"}),
    "decimal comma": (b"a;b;y\n0,346;1;u\n-1,5e2;2;v\n", {"decimal": ","}, {"sep": ";", "decimal": ","}),
    "decimal comma in quotes": (b'a,b,y\n"0,346",1,u\n"1,5",2,v\n', {"decimal": ","}, {"decimal": ","}),
    "thousands": (b'a,b,y\n"1,234.5",1,u\n12,"1,000,000",v\n', {"thousands": ","}, {"thousands": ","}),
    "thousands and decimal": (
        b"a;b;y\n1.234,5;1;u\n12;1.000;v\n",
        {"decimal": ",", "thousands": "."},
        {"sep": ";", "decimal": ",", "thousands": "."},
    ),
    "other signs and points": (b"a,b,y\n+1,.5,u\n-2,5.,v\n", {}, {}),
    "missing": (b"a,b,y\n,NA,u\nnan,N/A,v\n?,null,w\n1,2,x\n", {}, {"na_values": ["?"]}),
    "own mark": (b"a,b,y\n-999,1,u\n2,x,v\n", {"missing_values": ["-999", "x"]}, {"na_values": ["-999", "x"]}),
    "lines before": (b"made by a logger\non Monday\n" + TABLE.encode(), {"skip": 2}, {"skiprows": 2}),
    "17 digits": (b"a,b,y\n0.12345678901234567,1,u\n0.30000000000000004,2,v\n", {}, {"float_precision": "round_trip"}),
}


@pytest.mark.parametrize("block", [16, _csv_file.BLOCK])
@pytest.mark.parametrize("name", DIALECTS)
def test_read_as_pandas_reads_it(tmp_path: Path, name: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """block: bytes that are read together, also fewer than a table has."""
    monkeypatch.setattr(_csv_file, "BLOCK", block)
    content, options, theirs = DIALECTS[name]
    (tmp_path / "t.csv").write_bytes(content)
    raw = csv.read(tmp_path / "t.csv", **options)
    expected = pandas.read_csv(tmp_path / "t.csv", **theirs)
    np.testing.assert_array_equal(raw.splits["train"][0], expected.iloc[:, :-1].to_numpy(np.float32))
    assert raw.splits["train"][1].tolist() == [str(v).strip() for v in expected.iloc[:, -1]]
    assert [column.name for column in raw.columns or []] == [name.strip() for name in expected.columns[:-1]]


def test_a_bad_cell_far_down_has_its_line(tmp_path: Path) -> None:
    lines = ["a,b,y", *(f'{n},"two\nlines",u' for n in range(250_000)), "x,z,u"]
    path = write(tmp_path / "t.csv", "\n".join(lines) + "\n")
    assert path.stat().st_size > 2**22, "more than one block"
    with pytest.raises(DataError, match=r"t.csv:500002: no number in a \('x', line 500002\)"):
        csv.read(path, categorical=["b"])


def test_a_folder_of_several_tables(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        write(tmp_path / name, "1,0\n")
    with pytest.raises(DataError, match="one.csv.*two.csv.*`source`"):
        csv.read(tmp_path)
    with pytest.raises(DataError, match="expected one .csv"):
        csv.read(tmp_path / "nothing")


def test_split_names_and_hidden_files(tmp_path: Path) -> None:
    for name in ("train", "val", "test", ".train"):
        write(tmp_path / f"{name}.csv", "1,5,0\n2,6,1\n")
    assert set(csv.read(tmp_path).splits) == {"train", "validation", "test"}
    write(tmp_path / "valid.csv", "1,5,0\n")
    with pytest.raises(DataError, match="val.csv.*valid.csv"):
        csv.read(tmp_path)


def test_labels_that_are_signs(tmp_path: Path) -> None:
    assert encoded(csv.read(write(tmp_path / "t.csv", "1,+\n2,-\n3,+\n"), header=False)).classes == ["+", "-"]


def test_label_files_are_written_as_tables_are(tmp_path: Path) -> None:
    write(tmp_path / "t.csv", "1;2\n3;4\n5;6\n")
    write(tmp_path / "y.csv", "1,5\nNA\n-2,25\n")
    raw = csv.read(tmp_path, label_file="y.csv", delimiter=";", decimal=",")
    assert raw.splits["train"][1].tolist() == ["1.5", "", "-2.25"]
    write(tmp_path / "y.csv", "1,5\n1.5\n2\n")
    with pytest.raises(DataError, match="y.csv:2: '1.5' is no number"):
        csv.read(tmp_path, label_file="y.csv", delimiter=";", decimal=",")


def test_what_is_named_as_a_split_is_read_or_refused(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "1,5,0\n2,6,1\n")
    write(tmp_path / "test.txt", "1,5,0\n")
    with pytest.raises(DataError, match="test.txt is named as a split, but is no .csv"):
        csv.read(tmp_path)


def test_kept_classes_keep_rows_without_a_label(tmp_path: Path) -> None:
    raw = csv.read(write(tmp_path / "t.csv", "1,a\n2,\n3,b\n4,c\n5,a\n"), header=False, keep=[0, 2])
    assert raw.splits["train"][0].ravel().tolist() == [1, 2, 4, 5]
    np.testing.assert_array_equal(raw.splits["train"][1], [0, np.nan, 1, 0])


def test_numbers_to_predict(tmp_path: Path) -> None:
    raw = csv.read(write(tmp_path / "t.csv", "1,2.5\n3,-0.25\n"))
    assert encoded(raw, "regression").splits["train"][1].tolist() == [2.5, -0.25]
    commas = csv.read(write(tmp_path / "v.csv", "1;2,5\n3;-0,25\n"), delimiter=";", decimal=",")
    assert encoded(commas, "regression").splits["train"][1].tolist() == [2.5, -0.25]
    with pytest.raises(DataError, match=r"1 of 2 labels are no numbers, .*\['cat'\]"):
        encoded(csv.read(write(tmp_path / "u.csv", "1,cat\n3,2\n"), header=False), "regression")
    with pytest.raises(DataError, match="are no numbers"):
        encoded(csv.read(write(tmp_path / "u.csv", "1,1_0\n3,2\n"), header=False), "regression")
