"""Tables of text, values separated by commas: one `*.csv`, or `train.csv` and `test.csv`."""

import csv
import math
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.data.raw import DataError, Raw, encode

KIND = None  # tabular, or image where `shape` has three extents
Row = list[str]


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
    tables = {split: _rows(path, skip, delimiter) for split, path in found.items()}
    if label_file:
        labels = {"train": [" ".join(row) for row, _ in _rows(folder / label_file, 0, delimiter)]}
        if len(labels["train"]) != len(tables["train"]):
            raise DataError(f"{folder / label_file}: {len(labels['train'])} labels for {len(tables['train'])} rows")
    else:
        labels = {split: [_pop(row, label, where).strip() for row, where in rows] for split, rows in tables.items()}
    names = {c: sorted({row[c] for rows in tables.values() for row, _ in rows if c < len(row)}) for c in categorical}
    x = {split: _features(rows, columns, names) for split, rows in tables.items()}
    y = {split: _numbers_if_all_are(column) for split, column in labels.items()}
    if keep:
        x, y, classes = _kept(x, y, keep, classes, folder)
    return Raw({s: (_images(x[s], shape, found[s]) if shape else x[s], y[s]) for s in x}, classes or None)


def _rows(path: Path, skip: int, delimiter: str) -> list[tuple[Row, str]]:
    """Values of each row as text, and where it stands; blank lines are left out."""
    rows: list[tuple[Row, str]] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for _ in range(skip):
                next(file, "")
            reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
            for row in filter(None, reader):
                where = f"{path}:{skip + reader.line_num}"
                if rows and len(row) != len(rows[0][0]):
                    raise DataError(f"{where}: {len(row)} values; the rows before have {len(rows[0][0])}")
                rows.append((row, where))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: no table of text: {error}") from error
    if not rows:
        raise DataError(f"{path}: no rows")
    return rows


def _pop(row: Row, label: int, where: str) -> str:
    if len(row) < 2 or not -len(row) <= label < len(row):
        raise DataError(f"{where}: label {label} of {len(row)} columns; a row is a label and at least one number")
    return row.pop(label)


def _features(rows: list[tuple[Row, str]], columns: list[int], names: dict[int, Row]) -> np.ndarray:
    """Float32 (N, F) of the chosen columns, those that hold names as one column a name."""
    width = len(rows[0][0])
    if not {*columns, *names} <= set(range(width)):
        asked = f"columns {columns}, categorical {list(names)}"
        raise DataError(f"{rows[0][1]}: {asked}, but there are {width} features, counted from 0")
    chosen = columns or list(range(width))
    parts = []
    for column in chosen:
        if column in names:
            parts += [np.array([row[column] == name for row, _ in rows], np.float32) for name in names[column]]
        else:
            parts.append(_column(rows, column))
    return np.stack(parts, axis=1)


def _column(rows: list[tuple[Row, str]], column: int) -> np.ndarray:
    try:
        return np.array([row[column] for row, _ in rows], np.float32)
    except ValueError:
        for row, where in rows:
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
    return {split: x[split][chosen[split]] for split in x}, kept, [names[k] for k in sorted(keep)]


def _images(x: np.ndarray, shape: list[int], path: Path) -> np.ndarray:
    if x.shape[1] != math.prod(shape):
        raise DataError(f"{path}: {x.shape[1]} values a row; an image of shape {tuple(shape)} has {math.prod(shape)}")
    if bad := int(((x < 0) | (x > 255) | (x != np.round(x))).sum()):
        raise DataError(f"{path}: {bad} of {x.size} values are no whole numbers from 0 to 255, as pixels must be")
    return x.reshape(-1, *shape).astype(np.uint8)
