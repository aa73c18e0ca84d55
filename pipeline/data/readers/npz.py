"""A NumPy archive with x_train, y_train and, if there, x_validation, y_validation, x_test, y_test."""

from pathlib import Path
from typing import Annotated
from zipfile import BadZipFile

import numpy as np
from pydantic import Field

from pipeline.data.kinds import of_shape
from pipeline.data.raw import DataError, Raw

KIND = None  # tabular, series where `shape` has two extents, image where it has three


def read(
    folder: Path,
    *,
    shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=3)] = [],  # noqa: B006
    classes: list[str] = [],  # noqa: B006 (read as a literal, never changed)
) -> Raw:
    """Arrays of the archive; `shape` (C, H, W) says that x holds images, as (N, C, H, W) or (N, H, W).

    `shape` (T, F) says that it holds series, those shorter than T filled up with NaN.

    Archives with pickled objects are refused: loading one can run any code.
    """
    path = folder if folder.is_file() else next(iter(sorted(folder.glob("*.npz"))), folder)
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, BadZipFile) as error:
        raise DataError(f"{path}: not an archive of plain arrays: {error}") from error
    splits = {s: _pair(arrays, s, path) for s in ("train", "validation", "test") if f"x_{s}" in arrays}
    if "train" not in splits:
        raise DataError(f"{path}: no x_train and y_train; it holds {', '.join(arrays) or 'nothing'}")
    for split, (x, _) in splits.items():
        if shape and x.size != len(x) * int(np.prod(shape)):
            raise DataError(f"{path}: x_{split} has shape {x.shape}; items of shape {tuple(shape)} were declared")
        if not shape and x.ndim == 3:
            raise DataError(
                f"{path}: x_{split} has shape {x.shape}; series need option `shape`, such as {list(x.shape[1:])}"
            )
    kind = of_shape(shape)
    if not shape:
        return Raw(kind, {split: (x.astype(np.float32), y) for split, (x, y) in splits.items()}, classes or None)
    wanted = np.float32 if kind == "series" else None  # images are whole numbers already, or refused later
    shaped = {split: (x.reshape(-1, *shape).astype(wanted or x.dtype), y) for split, (x, y) in splits.items()}
    return Raw(kind, shaped, classes or None)


def _pair(arrays: dict[str, np.ndarray], split: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """x (N, ...) of numbers and y (N,) of one split."""
    x, y = arrays[f"x_{split}"], arrays.get(f"y_{split}")
    if y is None:
        raise DataError(f"{path}: x_{split} is there, but no y_{split}")
    if x.dtype.kind not in "biuf":
        raise DataError(f"{path}: x_{split} is of dtype {x.dtype}; expected numbers")
    if y.size != len(y):
        raise DataError(f"{path}: y_{split} has shape {y.shape}; expected one label an item, (N,)")
    return x, y.reshape(-1)
