"""Cells of text as what they mean: numbers, names out of a list, or labels; and why one of them means nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow
from pyarrow import compute

from pipeline.data.raw import DataError
from pipeline.data.readers._csv_file import MARKERS, File, looks_numeric

SPACES = " \t\r\n\u00a0"
NAMELESS = set(MARKERS) - {""}  # among words these may be names too


@dataclass(frozen=True)
class Writing:
    """How values are written. missing: what stands for a missing one; None: the usual marks of numbers."""

    decimal: str = "."
    thousands: str = ""
    missing: Sequence[str] | None = None

    @property
    def pattern(self) -> str:
        """Of a number."""
        mark, groups = re.escape(self.decimal), re.escape(self.thousands)
        whole = f"([1-9][0-9]{{0,2}}({groups}[0-9]{{3}})+|[0-9]+)" if self.thousands else "[0-9]+"
        return f"^[+-]?({whole}({mark}[0-9]*)?|{mark}[0-9]+)([eE][+-]?[0-9]+)?$"

    def plain(self, cells: pyarrow.Array) -> pyarrow.Array:
        """Numbers with a decimal point and nothing between thousands; what is no number stays."""
        if self.decimal == "." and not self.thousands:
            return cells
        bare = compute.replace_substring(cells, self.thousands, "") if self.thousands else cells
        changed = compute.replace_substring(bare, self.decimal, ".")
        return compute.if_else(compute.match_substring_regex(cells, self.pattern), changed, cells)


def numbers(cells: pyarrow.Array, writing: Writing) -> tuple[np.ndarray, np.ndarray]:
    """Float64 (n,), NaN where one is missing, and which cells (n,) are no numbers."""
    trimmed = compute.utf8_trim(cells, SPACES)
    missing = compute.is_in(trimmed, pyarrow.array(MARKERS if writing.missing is None else ["", *writing.missing]))
    good = compute.match_substring_regex(trimmed, writing.pattern)
    bad = compute.invert(compute.or_(missing, good)).to_numpy(zero_copy_only=False)
    kept = compute.if_else(compute.and_(good, compute.invert(missing)), writing.plain(trimmed), "nan")
    return kept.cast(pyarrow.float64()).to_numpy(zero_copy_only=False), bad


def words(cells: pyarrow.Array, writing: Writing) -> pyarrow.Array:
    """Text without the spaces around it, empty where one is missing."""
    trimmed = compute.utf8_trim(cells, SPACES)
    if not writing.missing:
        return trimmed
    return compute.if_else(compute.is_in(trimmed, pyarrow.array(writing.missing, pyarrow.string())), "", trimmed)


def labels(cells: pyarrow.Array, writing: Writing, bad: dict[str, tuple[str, int]], start: int) -> pyarrow.Array:
    """Text of labels, numbers with a decimal point. What looks like a number but is written otherwise is `bad`."""
    found = words(cells, writing)
    if writing.decimal != "." or writing.thousands:
        odd = [w for w in found.unique().to_pylist() if looks_numeric(w) and not re.fullmatch(writing.pattern, w)]
        if odd:
            bad["label"] = (odd[0], start + found.to_pylist().index(odd[0]))
    return writing.plain(found)


def require_names(found: set[str], writing: Writing, what: str, numeric: bool = False) -> None:
    """DataError where one of the names of a column, `what`, may be no name. numeric: it may hold numbers instead."""
    unsure = sorted(found & NAMELESS) if writing.missing is None and not found <= {"+", "-"} else []
    if unsure and not (numeric and all(map(_number_or_mark, found))):
        raise DataError(
            f"{what}: {unsure[0]!r} may be a name or a missing value; write option {{missing_values: [{unsure[0]!r}]}} "
            "or, if it is a name, {missing_values: []}"
        )
    if quoted := sorted(name for name in found if name.startswith('"')):
        raise DataError(f"{what}: {quoted[0]!r} has a space before its quotation mark; remove the space")


def without_marks(column: np.ndarray, found: set[str], writing: Writing) -> np.ndarray:
    """Labels (N,), empty where the mark of a missing number stands among what are numbers otherwise."""
    if writing.missing is not None or not found & NAMELESS or not all(map(_number_or_mark, found)):
        return column
    return np.where(np.isin(column, sorted(NAMELESS)), "", column)


def _number_or_mark(name: str) -> bool:
    return name in MARKERS or looks_numeric(name)


def refuse_text(file: File, columns: dict[str, tuple[str, int]], writing: Writing) -> None:
    """DataError about columns of numbers that hold text: of each its first such cell and that cell's item."""
    if not columns:
        return
    cells = [f"{name} ({cell[:40]!r}, line {file.lines[row]})" for name, (cell, row) in columns.items()]
    cell, row = next(iter(columns.values()))
    asked = ", ".join(name if re.fullmatch(r"\w+", name) else repr(name) for name in columns)
    way = hint(cell, writing) or (
        "write plain numbers, without signs, units or brackets beside them"
        if re.search("[0-9]", cell) and not re.search(r"[^\W\d_]", cell)
        else f"if they are names, write option {{categorical: [{asked}]}}; columns that are not wanted go into `drop`"
    )
    raise DataError(f"{file.path}:{file.lines[row]}: no number in {', '.join(cells)}; {way}")


def hint(cell: str, writing: Writing) -> str:
    """What to write where a cell looks like a number or a date, empty where it does not.

    >>> hint("0,346", Writing())
    'write option {decimal: ","}'
    """
    cell = cell.strip(SPACES)
    if re.fullmatch(r"[0-9]{1,4}([-/.])[0-9]{1,2}\1[0-9]{1,4}([ T].*)?", cell):
        return "it is a date: write a number, such as days since the first, or leave the column out with `drop`"
    if re.fullmatch(r"[+-]?[0-9]{1,3}(,[0-9]{3})+", cell):
        return 'write option {decimal: ","} or {thousands: ","}, whichever the comma is'
    if re.fullmatch(r"[+-]?[0-9]{1,3}(\.[0-9]{3})+(,[0-9]+)?", cell):
        return 'write options {decimal: ",", thousands: "."}'
    if re.fullmatch(r"[+-]?[0-9]{1,3}(,[0-9]{3})+\.[0-9]*", cell):
        return 'write option {thousands: ","}'
    if re.fullmatch(r"[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?", cell) and writing.decimal != ",":
        return 'write option {decimal: ","}'
    if groups := re.fullmatch(r"[+-]?[0-9]{1,3}(([ '\u00a0])[0-9]{3})+([.,][0-9]+)?", cell):
        return f"write option {{thousands: {groups[2]!r}}}" + (' and {decimal: ","}' if "," in cell else "")
    if cell.lower() in ("inf", "-inf", "infinity") or cell.startswith("#"):
        return "it is no number; leave the cell empty, and say with `missing` what becomes of it"
    if "_" in cell and looks_numeric(cell):
        return "write its digits without _"
    return ""
