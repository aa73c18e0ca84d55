"""Tables of a user's own: read as pandas reads them, or refused with the file, the line and what to write."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from pipeline.data.raw import DataError
from pipeline.data.readers import csv
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
    assert any("test.csv: its columns stand in another order" in note for note in raw.notes)
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


@pytest.mark.parametrize("name", DIALECTS)
def test_read_as_pandas_reads_it(tmp_path: Path, name: str) -> None:
    content, options, theirs = DIALECTS[name]
    (tmp_path / "t.csv").write_bytes(content)
    raw = csv.read(tmp_path / "t.csv", **options)
    expected = pandas.read_csv(tmp_path / "t.csv", **theirs)
    np.testing.assert_array_equal(raw.splits["train"][0], expected.iloc[:, :-1].to_numpy(np.float32))
    assert raw.splits["train"][1].tolist() == [str(v).strip() for v in expected.iloc[:, -1]]
    assert [column.name for column in raw.columns or []] == [name.strip() for name in expected.columns[:-1]]


REFUSED: dict[str, tuple[str | bytes, dict[str, Any], str]] = {
    "word among numbers": ("1,2,0\n3,x,1\n", {}, r"t.csv:2: no number in column 1 \('x', line 2\); .*categorical: "),
    "words by name": (
        "a,b,c,y\n1,u,v,0\n2,u,w,1\n",
        {},
        r"t.csv:2: no number in b \('u', line 2\), c \('v', line 2\); .*\{categorical: \[b, c\]\}",
    ),
    "decimal comma": ("a;y\n0,346;u\n1,5;v\n", {}, r"'0,346', line 2\); write option \{decimal: \",\"\}"),
    "comma twice": ('a,y\n"1,234",u\n', {}, "decimal: .*or .*thousands"),
    "thousands": ('a,y\n"1,234.5",u\n', {}, r"write option \{thousands: \",\"\}"),
    "both": ("a;y\n1.234,5;u\n", {}, r"write options \{decimal: \",\", thousands: \".\"\}"),
    "point under a comma": ("a;y\n1,5;u\n2.5;v\n", {"decimal": ","}, "t.csv:3: .*'2.5'"),
    "spaces in a number": ("a,y\n1 234,u\n", {}, "thousands: ' '"),
    "underscore": ("a,y\n1_000,u\n2,v\n", {}, "t.csv:2: .*'1_000'.*without _"),
    "hexadecimal": ("a,b,y\n0x10,1,u\n2,1,v\n", {"header": True}, "t.csv:2: .*'0x10'"),
    "digits of another script": ("a,y\n１２,u\n2,v\n", {"header": True}, "t.csv:2: .*'１２'"),
    "date": ("a,y\n2024-01-05,u\n", {}, "t.csv:2: .*it is a date"),
    "date and time": ("a,y\n05/01/2024 12:30,u\n", {}, "it is a date"),
    "percent": ("a,b,y\n5%,1,u\n", {}, "t.csv:2: .*'5%'"),
    "seconds since 1970": (
        "t,y\n" + "".join(f"{1.7e9 + n:.0f},{n % 2}\n" for n in range(60)),
        {},
        "t goes from 1700000000 to 1700000059; single precision",
    ),
    "ragged": ("1,2,0\n1,2,3,4\n", {"delimiter": ","}, "t.csv:2: 4 values.* 3"),
    "ragged below blank lines": ("1,2,0\n\n\n1,0\n", {"delimiter": ","}, "t.csv:4: 2 values.* 3"),
    "empty": ("", {}, "t.csv: no rows"),
    "header alone": ("a,b\n", {}, "t.csv: no rows below the header a, b"),
    "one column": ("0\n1\n", {}, "t.csv:1: '0' is one column.*`delimiter`"),
    "two delimiters": ("1,5;2,5;u\n1,5;2,5;v\n", {}, r"2 ways \(comma 3 columns, semicolon 3 columns\).*`delimiter`"),
    "words alone": ("a,b\nc,d\n", {}, r"first row \(a, b\) the names.*\{header: true\} or \{header: false\}"),
    "numbered header": ("0,1,2,3\n5,6,7,8\n", {}, "header: true"),
    "header twice": ("a,a,y\n1,2,0\n", {}, "names 'a' twice"),
    "index of pandas": (",a,y\n0,5,u\n1,6,v\n", {}, r"column 0 has no name.*\{drop: \[0\]\}"),
    "odd quotation": ('a,b,y\n1,2,"u\n3,4,v\n', {}, "1 quotation marks"),
    "space before a quotation": ('1, "u"\n2, "v"\n', {"header": False}, "has a space before its quotation mark"),
    "latin-1": ("a,y\n1,u\n2,é\n".encode("latin-1"), {}, "t.csv:3: byte 0xe9 is no utf-8; .*encoding: cp1252"),
    "utf-16 without a mark": (TABLE.encode("utf-16-le"), {}, "zero bytes.*encoding: utf-16-le"),
    "unknown encoding": (TABLE, {"encoding": "klingon"}, "option encoding: .*klingon"),
    "name or missing": ("a,b,y\n1,NA,0\n2,x,1\n", {"categorical": ["b"]}, r"b: 'NA' may be .*missing_values: \['NA'\]"),
    "class or missing": ("a,y\n1,NA\n2,x\n", {}, "label: 'NA' may be a name or a missing value"),
    "no such column": (TABLE, {"label": "kind"}, "option label names 'kind'; the columns are a, b, y"),
    "no such number": (
        "1,2,0\n",
        {"label": 5},
        "option label: 5 of 3 columns, which are counted from 0, the label too",
    ),
    "names without a header": ("1,2,0\n", {"columns": ["a"]}, "names 'a', but the table has no header"),
    "label as a feature": ("1,2,0\n1,2,0\n", {"columns": [2]}, "column 2 is the label"),
    "columns and drop": (TABLE, {"columns": ["a"], "drop": ["b"]}, "columns and drop can't be given both"),
    "unused names": (TABLE, {"columns": ["a"], "categorical": ["b"]}, "categorical names b, which is no feature"),
    "unknown class": ("1,2,0\n3,4,1\n", {"keep": [0, 7]}, "keep.*7"),
    "wrong size": ("1,2,3,9,0\n", {"shape": [1, 3, 3]}, "4 values.*9"),
    "bright pixel": ("1,2,3,300,0\n", {"shape": [1, 2, 2]}, "1 of 4 .*0 to 255"),
    "dark pixel": ("1,2,3,-1,0\n", {"shape": [1, 2, 2]}, "0 to 255"),
    "half a pixel": ("1,2,3,0.5,0\n", {"shape": [1, 2, 2]}, "0 to 255"),
    "no pixel": ("1,2,3,nan,0\n1,2,3,4,0\n", {"shape": [1, 2, 2]}, "0 to 255"),
    "one class an item": (
        "".join(f"1,{n}\n" for n in range(0, 300, 3)),
        {},
        "100 different labels for 100 items .*is this the label's column",
    ),
    "no class of ours": ("1,2,cat\n1,2,cow\n", {"classes": ["cat", "dog"], "header": False}, "1 of 2 labels.*cow"),
    "numbers from 1": (
        "1,2,1\n1,2,2\n",
        {"classes": ["cat", "dog"]},
        "2 of 2 labels are none of the classes cat, dog; numbers count `classes` from 0",
    ),
    "both marks": (TABLE, {"decimal": ",", "thousands": ","}, "decimal and thousands are both ','"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(tmp_path: Path, name: str) -> None:
    content, options, said = REFUSED[name]
    (tmp_path / "t.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=said):
        encoded(csv.read(tmp_path / "t.csv", **options))


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


def test_numbers_to_predict(tmp_path: Path) -> None:
    raw = csv.read(write(tmp_path / "t.csv", "1,2.5\n3,-0.25\n"))
    assert encoded(raw, "regression").splits["train"][1].tolist() == [2.5, -0.25]
    commas = csv.read(write(tmp_path / "v.csv", "1;2,5\n3;-0,25\n"), delimiter=";", decimal=",")
    assert encoded(commas, "regression").splits["train"][1].tolist() == [2.5, -0.25]
    with pytest.raises(DataError, match=r"1 of 2 labels are no numbers, .*\['cat'\]"):
        encoded(csv.read(write(tmp_path / "u.csv", "1,cat\n3,2\n"), header=False), "regression")
    with pytest.raises(DataError, match="are no numbers"):
        encoded(csv.read(write(tmp_path / "u.csv", "1,1_0\n3,2\n"), header=False), "regression")
