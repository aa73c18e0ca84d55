"""Tables of text, values separated by commas: one `*.csv`, or `train.csv` and `test.csv`."""

import csv
import math
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.data import arrays
from pipeline.data.kinds import of_shape
from pipeline.data.raw import DataError, Raw, encode

KIND = None  # tabular, or image where `shape` has three extents
Row = list[str]
TOGETHER = 10_000  # rows whose text is in memory at once


def read(
    folder: Path,
    *,
    label: int = -1,
    label_file: str = "",
    skip: Annotated[int, Field(ge=0)] = 0,
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ",",
    columns: list[int] = [],  # noqa: B006 (read as a literal, never changed)
    categorical: list[int] = [],  # noqa: B006
    keep: list[int] = [],  # noqa: B006
    classes: list[str] = [],  # noqa: B006
    shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=3, max_length=3)] = [],  # noqa: B006
) -> Raw:
    """Numbers in all columns but `label`, which may hold names.

    label_file: where labels stand, one a line, if not in the table. skip: header lines. columns: features to use, all
    if empty. categorical: features that hold names, each turned into a column of 0 and 1 a name. keep: class numbers to
    keep (renumbered), all if empty. classes: their names. shape: (C, H, W) of an image in a row, stored as uint8.
    """
    files = [folder] if folder.is_file() else sorted(f for f in folder.glob("*.csv") if f.name != label_file)
    found = {f.stem if f.stem in ("train", "validation", "test") else "train": f for f in files}
    if not files or len(found) < len(files):
        raise DataError(f"{folder}: expected one .csv, or train.csv and test.csv; found {[f.name for f in files]}")
    within = None if label_file else label
    tables = {split: Table(path, skip, delimiter, within, categorical) for split, path in found.items()}
    labels = {split: table.labels for split, table in tables.items()}
    if label_file:
        labels = {"train": [" ".join(row) for row, _, _ in _rows(folder / label_file, 0, delimiter, None)]}
        if len(labels["train"]) != tables["train"].count:
            raise DataError(f"{folder / label_file}: {len(labels['train'])} labels for {tables['train'].count} rows")
    names = {c: sorted(set().union(*(table.names[c] for table in tables.values()))) for c in categorical}
    x = {split: table.features(columns, names, tuple(shape)) for split, table in tables.items()}
    y = {split: _numbers_if_all_are(column) for split, column in labels.items()}
    if keep:
        x, y, classes = _kept(x, y, keep, classes, folder)
    return Raw(of_shape(shape), {split: (x[split], y[split]) for split in x}, classes or None)


class Table:
    """A file that is read twice: to count its rows and find its labels and names, and to fill an array.

    So its text is never in memory as a whole. label: its column, None where labels stand elsewhere. names: those that
    stand in each column of `categorical`.
    """

    def __init__(self, path: Path, skip: int, delimiter: str, label: int | None, categorical: list[int]) -> None:
        self.path, self.rows = path, partial(_rows, path, skip, delimiter, label)
        self.count, self.width, self.first = 0, 0, ""
        self.labels: list[str] = []
        self.names: dict[int, set[str]] = {column: set() for column in categorical}
        for row, own, where in self.rows():
            if not self.count:
                self.width, self.first = len(row), where
            self.count += 1
            self.labels.append(own)
            for column, seen in self.names.items():
                if column < len(row):
                    seen.add(row[column])

    def features(self, columns: list[int], names: dict[int, Row], shape: tuple[int, ...]) -> np.ndarray:
        """Float32 (N, F) of the chosen columns, a column a name where they hold names; uint8 (N, *shape) of images."""
        if not {*columns, *names} <= set(range(self.width)):
            asked = f"columns {columns}, categorical {list(names)}"
            raise DataError(f"{self.first}: {asked}, but there are {self.width} features, counted from 0")
        chosen = columns or list(range(self.width))
        width = sum(len(names[column]) if column in names else 1 for column in chosen)
        if shape and width != math.prod(shape):
            raise DataError(f"{self.path}: {width} values a row; an image of shape {shape} has {math.prod(shape)}")
        filled = arrays.empty((self.count, *(shape or (width,))), np.uint8 if shape else np.float32)
        rows, bad = self.rows(), 0
        for start in range(0, self.count, TOGETHER):
            part = _values(list(islice(rows, TOGETHER)), chosen, names)
            if shape:
                bad += int(((part < 0) | (part > 255) | (part != np.round(part))).sum())
            if not bad:
                filled[start : start + len(part)] = part.reshape(-1, *filled.shape[1:])
        if bad:
            raise DataError(
                f"{self.path}: {bad} of {filled.size} values are no whole numbers from 0 to 255, as pixels must be"
            )
        return filled


def _rows(path: Path, skip: int, delimiter: str, label: int | None) -> Iterator[tuple[Row, str, str]]:
    """Of each row its features as text, its label, and where it stands; blank lines are left out."""
    width = 0
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for _ in range(skip):
                next(file, "")
            reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
            for row in filter(None, reader):
                where = f"{path}:{skip + reader.line_num}"
                if width and len(row) != width:
                    raise DataError(f"{where}: {len(row)} values; the rows before have {width}")
                width = len(row)
                yield row, "" if label is None else _pop(row, label, where).strip(), where
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: no table of text: {error}") from error
    if not width:
        raise DataError(f"{path}: no rows")


def _pop(row: Row, label: int, where: str) -> str:
    if len(row) < 2 or not -len(row) <= label < len(row):
        raise DataError(f"{where}: label {label} of {len(row)} columns; a row is a label and at least one number")
    return row.pop(label)


def _values(rows: list[tuple[Row, str, str]], chosen: list[int], names: dict[int, Row]) -> np.ndarray:
    """Float32 (n, F) of some rows."""
    parts = []
    for column in chosen:
        if column in names:
            parts += [np.array([row[column] == name for row, _, _ in rows], np.float32) for name in names[column]]
        else:
            parts.append(_column(rows, column))
    return np.stack(parts, axis=1)


def _column(rows: list[tuple[Row, str, str]], column: int) -> np.ndarray:
    try:
        return np.array([row[column] for row, _, _ in rows], np.float32)
    except ValueError:
        for row, _, where in rows:
            try:
                float(row[column])
            except ValueError as error:
                raise DataError(
                    f"{where}: {row[column]!r} (feature {column}) is no number; skip header lines with option `skip`, "
                    "name columns of names in `categorical`"
                ) from error
        raise


def _numbers_if_all_are(labels: Row) -> np.ndarray:
    column = np.array(labels)
    try:
        return column.astype(np.float64)
    except ValueError:
        return column


def _kept(
    x: dict[str, np.ndarray], y: dict[str, np.ndarray], keep: list[int], classes: Row, folder: Path
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], Row]:
    """Items of some classes only, which are numbered anew."""
    labels, names = encode(np.concatenate(list(y.values())), classes or None)
    if outside := sorted(set(keep) - set(range(len(names)))):
        raise DataError(f"{folder}: keep names class {outside[0]}, but classes go from 0 to {len(names) - 1}")
    bounds = np.cumsum([len(column) for column in y.values()])[:-1]
    numbered = dict(zip(y, np.split(labels, bounds), strict=True))
    chosen = {split: np.isin(column, keep) for split, column in numbered.items()}
    kept = {split: np.searchsorted(sorted(keep), column[chosen[split]]) for split, column in numbered.items()}
    items = {split: arrays.take(x[split], np.flatnonzero(chosen[split])) for split in x}
    return items, kept, [names[k] for k in sorted(keep)]
