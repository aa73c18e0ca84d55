"""Missing values of tables and empty texts: refused, dropped, or, of tables, replaced by what is fitted on train."""

from dataclasses import dataclass

import numpy as np

from pipeline.data import arrays
from pipeline.data.raw import DataError, Raw
from pipeline.data.spec import Column, Missing

WAY = "write `missing: drop` into the data set's entry to leave such rows out"


def complete_rows(raw: Raw, how: Missing, name: str) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The items of each split that are used, and what is to be said about the others.

    DataError where a value is missing and `how` is refuse, or a label is and `how` is not drop.
    """
    kept: dict[str, np.ndarray] = {}
    remarks: list[str] = []
    for split, (x, y) in raw.splits.items():
        unlabelled = _unlabelled(y)
        incomplete = _incomplete(x, raw.kind)
        if how != "drop" and unlabelled.any():
            where = place(raw, split, int(unlabelled.argmax()), name)
            what = "target" if y.dtype == object else "label"
            raise DataError(f"{where}: the {what} is empty ({int(unlabelled.sum())} of {len(y)} {what}s are); {WAY}")
        rows = f"of {len(y)} rows" + (f" of {split}" if len(raw.splits) > 1 else "")
        if how == "refuse" and incomplete.any():
            first, count = int(incomplete.argmax()), int(incomplete.sum())
            what = f"the text is empty ({count} {rows} have none); {WAY}"
            if raw.kind == "tabular":
                column = _first_gap(x[first], raw.columns)
                what = f"{column} is missing or not finite ({count} {rows} lack a value); {WAY}, "
                what += "or mean, median, mode or a number"
            raise DataError(f"{place(raw, split, first, name)}: {what}")
        dropped = unlabelled | incomplete if how == "drop" else unlabelled
        kept[split] = np.flatnonzero(~dropped)
        if dropped.all():
            raise DataError(f"{name}, {split}: every row lacks a value, so none is left; leave empty columns out")
        if dropped.any():
            what = "without a text or its target" if raw.kind == "tokens" else "with a missing value"
            remarks.append(f"dropped: {int(dropped.sum())} {rows} {what}")
        elif incomplete.any():
            by = f"the {how} of the training items" if isinstance(how, str) else f"{how:g}"
            remarks.append(f"missing: values in {int(incomplete.sum())} {rows}, replaced by {by}")
    return kept, tuple(remarks)


@dataclass(frozen=True)
class Imputer:
    """values: of each column, what is put in for a missing one: a number, or one of its names."""

    values: list[float | str]
    filled: np.ndarray  # (features,)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Rows (n, features) without NaN."""
        return np.where(np.isnan(x), self.filled, x)


def fit_imputer(x: np.ndarray, chosen: np.ndarray, columns: list[Column] | None, how: Missing) -> Imputer | None:
    """What to put in for missing values, of the training items at places `chosen`; None where nothing is put in.

    A column of names gets its most frequent name, whatever is put in for numbers.
    """
    if how in ("refuse", "drop"):
        return None
    if isinstance(how, float) and not abs(how) <= float(np.finfo(np.float32).max):
        raise DataError(f"missing: {how:g} is no number of single precision")
    columns = columns or [Column(name=f"column {n}") for n in range(x.shape[1])]
    values: list[float | str] = []
    filled = np.zeros(x.shape[1], np.float32)
    start = 0
    for column in columns:
        width = column.width
        part = np.asarray(x[chosen, start : start + width])
        there = part[~np.isnan(part[:, 0])]
        if not len(there) and not isinstance(how, float):
            raise DataError(f"{column.name} has no value in any training item; leave the column out")
        if column.names:
            place = int(there.sum(axis=0).argmax()) if len(there) else 0
            filled[start + place] = 1
            values.append(column.names[place])
        else:
            filled[start] = _number(there[:, 0], how)
            values.append(float(filled[start]))
        start += width
    return Imputer(values, filled)


def _number(values: np.ndarray, how: Missing) -> float:
    if isinstance(how, float):
        return how
    if how == "mode":
        found, counts = np.unique(values, return_counts=True)
        return float(found[counts.argmax()])
    return float(np.mean(values, dtype=np.float64) if how == "mean" else np.median(values))


def _incomplete(x: np.ndarray, kind: str) -> np.ndarray:
    """Which items (N,) are rows with a NaN, or texts without a word."""
    if kind == "tokens":
        return np.array([not "".join(item).strip() for item in x], bool)
    if kind != "tabular":
        return np.zeros(len(x), bool)
    return np.concatenate([np.isnan(part).any(axis=1) for part in arrays.chunks(x)] or [np.zeros(0, bool)])


def _unlabelled(y: np.ndarray) -> np.ndarray:
    if y.dtype.kind == "f":
        return np.isnan(y)
    if y.dtype == object:
        return np.array([isinstance(target, str) and not target.strip() for target in y], bool)
    return np.char.strip(y) == y.dtype.type() if y.dtype.kind in "US" else np.zeros(len(y), bool)


def _first_gap(row: np.ndarray, columns: list[Column] | None) -> str:
    feature = int(np.isnan(row).argmax())
    for column in columns or []:
        feature -= column.width
        if feature < 0:
            return column.name
    return f"column {int(np.isnan(row).argmax())}"


def place(raw: Raw, split: str, number: int, name: str) -> str:
    """Where an item of a source's split stands, for people; name: the data set's."""
    return raw.where(split, number) if raw.where else f"{name}, {split}, item {number}"
