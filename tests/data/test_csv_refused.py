"""Tables that could be read in two ways, or in none: refused with the file, the line and what to write."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.data.raw import DataError
from pipeline.data.readers import csv
from tests.data.reading import encoded

TABLE = "a,b,y\n1,2.5,u\n-3,4e1,v\n"
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
    "ragged": ("1,2,0\n1,2,3,4\n1,2,0\n", {"delimiter": ","}, "t.csv:2: 4 values.* 3"),
    "row names of R": (
        "a,b,y\nr1,1,2,0\nr2,3,4,1\n",
        {},
        r"column shorter.*\{skip: 1, header: false, drop: \[0\]\}",
    ),
    "comment": ("# made by hand\na,b,y\n1,2,0\n", {"delimiter": ","}, r"'# made by hand' is no part.*\{skip: 1\}"),
    "Excel's separator": ("sep=;\na;b;y\n1;2;0\n", {"delimiter": ";"}, r"'sep=' is no part of the table.*\{skip: 1\}"),
    "compressed": (b"\x1f\x8b\x08\x00", {}, "t.csv: a compressed file"),
    "money": ("a,y\n$5.20,u\n$6.10,v\n", {"header": True}, r"'\$5.20', line 2\); write plain numbers"),
    "no group of three": ("a;y\n0.346;u\n1;v\n", {"decimal": ",", "thousands": "."}, "'0.346', line 2"),
    "target with another mark": (
        "a;y\n1,5;12.25\n2,5;1,5\n",
        {"decimal": ",", "header": True},
        r"no number in label \('12.25', line 2\)",
    ),
    "a dash among names": ("a,b,y\n1,-,0\n2,x,1\n", {"categorical": ["b"]}, "b: '-' may be a name or a missing value"),
    "marks among codes": ("a,b,y\n1,1,0\n2,NA,1\n", {"categorical": ["b"]}, "b: 'NA' may be a name or a missing value"),
    "a word that stands below too": ("red,unknown\nred,0\nblue,1\nred,1\n", {"label": 0}, "header: true"),
    "fractions as classes": ("1,0.5\n2,1.5\n3,0.5\n", {}, "are no whole numbers.*regression"),
    "one class twice": ("1,2,0\n1,2,1\n", {"classes": ["a", "a"]}, "class a stands twice"),
    "numbers as names": ("1,2,0\n1,2,1\n", {"classes": ["1", "0"]}, "places in that list, from 0, or names"),
    "an outlier hides nothing": (
        "t,y\n0,u\n" + "".join(f"{1_600_000_000 + 7 * n},v\n" for n in range(60)),
        {},
        "t goes from 0 to 1600000413; single precision",
    ),
    "ragged below blank lines": ("1,2,0\n\n\n1,0\n", {"delimiter": ","}, "t.csv:4: 2 values.* 3"),
    "empty": ("", {}, "t.csv: no rows"),
    "header alone": ("a,b\n", {}, "t.csv: no rows below the header a, b"),
    "one column": ("0\n1\n", {}, "t.csv:1: '0' is one column.*`delimiter`"),
    "two delimiters": ("1,5;2,5;u\n1,5;2,5;v\n", {}, r"2 ways \(comma 3 columns, semicolon 3 columns\).*`delimiter`"),
    "words alone": ("a,b\nc,d\n", {}, r"first row \(a, b\) the names.*\{header: true\} or \{header: false\}"),
    "numbered header": ("0,1,2,3\n5,6,7,8\n", {}, "header: true"),
    "header twice": ("a,a,y\n1,2,0\n", {}, "names 'a' twice"),
    "index of pandas": (",a,y\n0,5,u\n1,6,v\n", {}, r"column 0 has no name.*\{drop: \[0\]\}"),
    "index of pandas as a feature": (",a,y\n0,5,u\n1,6,v\n", {"columns": [0]}, r"column 0 .* an index; give it a name"),
    "odd quotation": ('a,b,y\n1,2,"u\n3,4,v\n', {}, "1 quotation marks"),
    "space before a quotation": ('1, "u"\n2, "v"\n', {"header": False}, "has a space before its quotation mark"),
    "latin-1": ("a,y\n1,u\n2,é\n".encode("latin-1"), {}, r"t.csv:3: byte 10 \(0xe9\) is no utf-8; .*encoding: cp1252"),
    "latin-1 behind 128 KiB": (
        b"a,y\n" + b"1,\xc3\xa9\n" * 2**15 + b"2,\xe9\n",
        {},
        rf"t.csv:{2**15 + 2}: byte {4 + 5 * 2**15 + 2} \(0xe9\) is no utf-8",
    ),
    "utf-16 without a mark": (TABLE.encode("utf-16-le"), {}, "zero bytes.*encoding: utf-16-le"),
    "unknown encoding": (TABLE, {"encoding": "klingon"}, "option encoding: .*klingon"),
    "name or missing": ("a,b,y\n1,NA,0\n2,x,1\n", {"categorical": ["b"]}, r"b: 'NA' may be .*missing_values: \['NA'\]"),
    "class or missing": ("a,y\n1,NA\n2,x\n", {}, "label: 'NA' may be a name or a missing value"),
    "no such column": (TABLE, {"label": "kind"}, "option label names 'kind'; the columns are a, b, y"),
    "no such number": (
        "1,2,0\n",
        {"label": 5},
        "option label: 5 of 3 columns; every column is counted, from 0",
    ),
    "names without a header": ("1,2,0\n", {"columns": ["a"]}, "names 'a', but the table has no header"),
    "label as a feature": (
        "1,2,0\n1,2,0\n",
        {"columns": [2]},
        "options label and columns both name column 2; take another",
    ),
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
