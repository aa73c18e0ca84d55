"""Random tables, written in random ways: what is read is what was written, or it is refused with the file."""

import csv as writer
import io
import tempfile
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.data.raw import DataError, Raw
from pipeline.data.readers import _csv_file, csv
from pipeline.data.readers._csv_file import MARKERS, looks_numeric
from tests.data.reading import encoded

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs", "Cc")), max_size=6)
NAMES = st.one_of(
    TEXT, st.sampled_from(["red", " blue", "NA", "?", "007", "7", "1.0", "a,b", 'a"b', "a;b", "a\nb", ""])
)
NUMBERS = st.one_of(
    st.integers(-1000, 1000), st.floats(-1e6, 1e6), st.integers(1_700_000_000, 1_700_000_060), st.just(None)
)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    """Columns of numbers (None: missing) or names, labels, and how all of it is written."""
    count = draw(st.integers(2, 12))
    kinds = draw(st.lists(st.sampled_from(["numbers", "names"]), min_size=1, max_size=4))
    columns = [draw(st.lists(NUMBERS if k == "numbers" else NAMES, min_size=count, max_size=count)) for k in kinds]
    each = draw(st.sampled_from([NAMES, st.sampled_from(["1", "2", "+1", "-1", "3"])]))
    labels = draw(st.lists(each, min_size=count, max_size=count))
    told = draw(st.booleans())
    # A header of numbers can't be told from a row of numbers, nor a word above numbers from a header: they are said.
    if not told and labels[0].strip() and not looks_numeric(labels[0]):
        assume(not all(label.strip() in MARKERS or looks_numeric(label) for label in labels[1:]))
    word = NAMES if told else NAMES.filter(lambda name: name.strip() not in MARKERS and not looks_numeric(name))
    return {
        "kinds": kinds,
        "columns": columns,
        "labels": labels,
        "header": draw(st.none() | st.lists(word, min_size=len(kinds) + 1, max_size=len(kinds) + 1, unique=True)),
        "delimiter": draw(st.sampled_from(",;\t|")),
        "decimal": draw(st.sampled_from(".,")),
        "quoting": draw(st.sampled_from([writer.QUOTE_MINIMAL, writer.QUOTE_ALL, writer.QUOTE_NONNUMERIC])),
        "newline": draw(st.sampled_from(["\n", "\r\n"])),
        "encoding": draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])),
        "missing": draw(st.sampled_from(["", "NA", "?", "-999"])),
        "told": told,
    }


def cell(value: Any, table: dict[str, Any]) -> str:
    if value is None:
        return str(table["missing"])
    return value if isinstance(value, str) else repr(value).replace(".", table["decimal"])


def write(path: Path, table: dict[str, Any]) -> None:
    out = io.StringIO()
    lines = writer.writer(out, delimiter=table["delimiter"], quoting=table["quoting"], lineterminator=table["newline"])
    if table["header"]:
        lines.writerow(table["header"])
    for row in zip(*table["columns"], table["labels"], strict=True):
        lines.writerow([cell(value, table) for value in row])
    path.write_bytes(out.getvalue().encode(table["encoding"]))


def options(table: dict[str, Any]) -> dict[str, Any]:
    """What the entry says: how all of it is written, or as little as a person might."""
    names = [n for n, kind in enumerate(table["kinds"]) if kind == "names"]
    if not table["told"]:
        return {"categorical": names}
    told = {"delimiter": table["delimiter"], "header": bool(table["header"]), "decimal": table["decimal"]}
    return {**told, "categorical": names, "missing_values": [table["missing"]] if table["missing"] else []}


def plain(text: str, table: dict[str, Any]) -> str:
    """A name as it is kept: without spaces around it, composed, and empty where it is the mark that was told."""
    bare = unicodedata.normalize("NFC", text.strip(" \t\r\n\u00a0"))
    return "" if table["told"] and bare == table["missing"] else bare


def expected(table: dict[str, Any]) -> np.ndarray:
    features: list[Any] = []
    for kind, column in zip(table["kinds"], table["columns"], strict=True):
        if kind == "numbers":
            low = -999.0 if table["missing"] == "-999" and not table["told"] else np.nan  # a number like any other
            features.append([low if v is None else np.nan if table["told"] and cell(v, table) == table["missing"] else v
                             for v in column])  # fmt: skip
        else:
            names = [plain(v, table) for v in column]
            features += [[float(n == name) if n else np.nan for n in names] for name in sorted(set(names) - {""})]
    return np.array(features, np.float64).T.astype(np.float32).reshape(len(table["labels"]), -1)


def require_equal(raw: Raw, table: dict[str, Any]) -> None:
    x, labels = raw.splits["train"]
    np.testing.assert_array_equal(x, expected(table))
    written = [plain(label, table) for label in table["labels"]]
    marks = set(MARKERS) if not table["told"] else set()
    assert all(a == b or a == "" and b in marks for a, b in zip(labels.tolist(), written, strict=True))
    if "" not in labels.tolist():
        y = encoded(raw).splits["train"][1].tolist()
        assert len(set(zip(y, written, strict=True))) == len(set(y)) == len(set(written)), "a class is a label"


@pytest.mark.slow
def test_never_read_as_something_else() -> None:
    outcomes: list[str] = []

    @settings(max_examples=300)
    @given(tables(), st.sampled_from([256, _csv_file.BLOCK]))
    def check(table: dict[str, Any], block: int) -> None:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setattr(_csv_file, "BLOCK", block)
            path = Path(folder) / "t.csv"
            write(path, table)
            try:
                raw = csv.read(path, **options(table))
            except DataError as error:
                assert "t.csv" in str(error), "a refusal names the file"
                outcomes.append("refused")
                return
            require_equal(raw, table)
            outcomes.append("read")

    check()
    assert outcomes.count("read") > 50 and outcomes.count("refused") > 10, "neither is all that is tried"
