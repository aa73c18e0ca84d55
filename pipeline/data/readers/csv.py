"""Comma-separated tables: one `*.csv`, or `train.csv` and `test.csv`."""

import csv
import math
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.data.raw import DataError, Raw, encode

KIND = None  # tabular, or image where `shape` has three extents


def read(
    folder: Path,
    *,
    label: int = -1,
    skip: Annotated[int, Field(ge=0)] = 0,
    columns: list[int] = [],  # noqa: B006 (read as a literal, never changed)
    keep: list[int] = [],  # noqa: B006
    classes: list[str] = [],  # noqa: B006
    shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=3, max_length=3)] = [],  # noqa: B006
) -> Raw:
    """Numbers in all columns but `label`, which may hold names.

    skip: header lines. columns: features to use, all if empty. keep: class numbers to keep (renumbered), all if empty.
    classes: their names. shape: (C, H, W) of an image in a row, stored as uint8.
    """
    files = [folder] if folder.is_file() else sorted(folder.glob("*.csv"))
    found = {f.stem if f.stem in ("train", "validation", "test") else "train": f for f in files}
    if not files or len(found) < len(files):
        raise DataError(f"{folder}: expected one .csv, or train.csv and test.csv; found {[f.name for f in files]}")
    tables = {split: _table(path, skip, label) for split, path in found.items()}
    labels, names = encode(_numbers_if_all_are([v for _, column in tables.values() for v in column]), classes or None)
    if outside := sorted(set(keep) - set(range(len(names)))):
        raise DataError(f"{folder}: keep names class {outside[0]}, but classes go from 0 to {len(names) - 1}")
    splits, start = {}, 0
    for split, (x, column) in tables.items():
        y = labels[start : start + len(column)]
        start += len(column)
        if columns and not set(columns) <= set(range(x.shape[1])):
            raise DataError(f"{found[split]}: columns {columns}, but there are {x.shape[1]} features, counted from 0")
        x = x[:, columns] if columns else x
        chosen = np.isin(y, keep) if keep else slice(None)
        x, y = x[chosen], np.searchsorted(sorted(keep), y[chosen]) if keep else y
        splits[split] = (_images(x, shape, found[split]) if shape else x, y)
    return Raw(splits, [names[k] for k in sorted(keep)] if keep else names)


def _table(path: Path, skip: int, label: int) -> tuple[np.ndarray, list[str]]:
    """Features, float32 (N, F), and the label column as text; blank lines are left out."""
    rows: list[np.ndarray] = []
    labels: list[str] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for _ in range(skip):
                next(file, "")
            reader = csv.reader(file, skipinitialspace=True)
            for row in filter(None, reader):
                where = f"{path}:{skip + reader.line_num}"
                labels.append(_pop(row, label, where).strip())
                rows.append(_numbers(row, where))
                if len(row) != len(rows[0]):
                    raise DataError(f"{where}: {len(row) + 1} values; the rows before have {len(rows[0]) + 1}")
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: no comma-separated text: {error}") from error
    if not rows:
        raise DataError(f"{path}: no rows")
    return np.stack(rows), labels


def _pop(row: list[str], label: int, where: str) -> str:
    if len(row) < 2 or not -len(row) <= label < len(row):
        raise DataError(f"{where}: label {label} of {len(row)} columns; a row is a label and at least one number")
    return row.pop(label)


def _numbers(row: list[str], where: str) -> np.ndarray:
    try:
        return np.array(row, np.float32)
    except ValueError:
        for column, value in enumerate(row):
            try:
                float(value)
            except ValueError as error:
                raise DataError(f"{where}: {value!r} (feature {column}) is no number; "
                                "skip header lines with option `skip`") from error  # fmt: skip
        raise


def _numbers_if_all_are(labels: list[str]) -> np.ndarray:
    column = np.array(labels)
    try:
        return column.astype(np.float64)
    except ValueError:
        return column


def _images(x: np.ndarray, shape: list[int], path: Path) -> np.ndarray:
    if x.shape[1] != math.prod(shape):
        raise DataError(f"{path}: {x.shape[1]} values a row; an image of shape {tuple(shape)} has {math.prod(shape)}")
    if bad := int(((x < 0) | (x > 255) | (x != np.round(x))).sum()):
        raise DataError(f"{path}: {bad} of {x.size} values are no whole numbers from 0 to 255, as pixels must be")
    return x.reshape(-1, *shape).astype(np.uint8)
