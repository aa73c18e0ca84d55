"""The `.ts` format of the UCR and UEA time series archives: `train.ts` and `test.ts`, the archive's own split.

Dau et al. (2019): The UCR time series archive; Bagnall et al. (2018): The UEA multivariate time series classification
archive. A line is a series: its dimensions divided by colons, their values by commas, the label last.
"""

from pathlib import Path

import numpy as np

from pipeline.data.raw import DataError, Raw

KIND = "series"


def read(folder: Path) -> Raw:
    """Series as float32 (N, T, F), those shorter than the longest of all splits filled up with NaN."""
    found = {split: _file(folder / f"{split}.ts") for split in ("train", "test")}
    steps = max(series.shape[0] for rows, _, _ in found.values() for series, _ in rows)
    splits = {}
    for split, (rows, _, path) in found.items():
        features = {series.shape[1] for series, _ in rows}
        if len(features) > 1:
            raise DataError(f"{path}: series of {sorted(features)} dimensions; all need the same number")
        x = np.full((len(rows), steps, features.pop()), np.nan, np.float32)
        for place, (series, _) in zip(x, rows, strict=True):
            place[: len(series)] = series
        splits[split] = (x, np.array([label for _, label in rows]))
    return Raw(KIND, splits, found["train"][1])


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
            series = np.array([dimension.split(",") for dimension in dimensions], np.float32).T
        except ValueError as error:
            raise DataError(
                f"{path}:{number}: no series of numbers with dimensions of equal length: {error}"
            ) from error
        rows.append((series, label.strip()))
    if not rows or not classes:
        raise DataError(
            f"{path}: {len(rows)} series and {len(classes)} classes; is this a .ts file for classification?"
        )
    return rows, classes, path
