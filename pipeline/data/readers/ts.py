"""The `.ts` format of the UCR and UEA time series archives: `train.ts` and `test.ts`, the archive's own split.

Dau et al. (2019): The UCR time series archive; Bagnall et al. (2018): The UEA multivariate time series classification
archive. A line is a series: its dimensions divided by colons, their values by commas, the label last.
"""

from pathlib import Path

import numpy as np

from pipeline.data.precision import single
from pipeline.data.raw import DataError, Raw

KIND = "series"


def read(folder: Path) -> Raw:
    """Series as float32 (N, T, F), those shorter than the longest of all splits filled up with NaN."""
    found = {split: _file(_named(folder, split)) for split in ("train", "test")}
    steps = max(series.shape[0] for rows, _, _ in found.values() for series, _ in rows)
    splits = {}
    for split, (rows, _, path) in found.items():
        features = {series.shape[1] for series, _ in rows}
        if len(features) > 1:
            raise DataError(f"{path}: series of {sorted(features)} dimensions; all need the same number")
        x = np.full((len(rows), steps, features.pop()), np.nan)
        for place, (series, _) in zip(x, rows, strict=True):
            place[: len(series)] = series
        classes = found["train"][1]
        if unknown := sorted({label for _, label in rows} - set(classes)):
            count = sum(label in unknown for _, label in rows)
            raise DataError(
                f"{path}: {count} of {len(rows)} labels are none of the classes {', '.join(classes)}: {unknown}"
            )
        splits[split] = (single(x, str(path)), np.array([classes.index(label) for _, label in rows]))
    return Raw(KIND, splits, found["train"][1])


def _named(folder: Path, split: str) -> Path:
    """`train.ts`, or `GunPoint_TRAIN.ts` as the archives have it."""
    found = [p for p in sorted(folder.glob("*")) if p.name.lower().endswith(f"{split}.ts")]
    if len(found) != 1:
        raise DataError(f"{folder}: {len(found)} files end with {split}.ts; train.ts and test.ts are read")
    return found[0]


def _file(path: Path) -> tuple[list[tuple[np.ndarray, str]], list[str], Path]:
    """Series (T, F) with their labels, and the names of the classes."""
    classes: list[str] = []
    rows: list[tuple[np.ndarray, str]] = []
    data = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        if not data:
            data = words.lower() == "@data"
            if words.lower().startswith("@classlabel"):
                classes = words.split()[2:]
            continue
        *dimensions, label = words.split(":")
        try:
            if not dimensions or "_" in words.rpartition(":")[0]:
                raise ValueError("values, a colon and a label are needed, and digits without _")
            series = np.array([dimension.split(",") for dimension in dimensions], np.float64).T
        except ValueError as error:
            raise DataError(
                f"{path}:{number}: no series of numbers with dimensions of equal length: {error}; "
                "missing values and time stamps are not read"
            ) from error
        rows.append((series, label.strip()))
    if not rows or not classes:
        raise DataError(
            f"{path}: {len(rows)} series and {len(classes)} classes; is this a .ts file for classification?"
        )
    return rows, classes, path
