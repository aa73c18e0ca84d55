"""A data frame of R, as `save` writes it (`*.rda`), such as those of the package mlbench."""

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.data.raw import DataError, Raw

KIND = "tabular"


def read(folder: Path, *, label: str, test_last: Annotated[int, Field(ge=1)] | None = None) -> Raw:
    """Numbers in all columns but `label`, a factor or a number. test_last: rows at the end that are the test split."""
    import rdata

    path = folder if folder.is_file() else next(iter(sorted(folder.glob("*.rda"))), folder)
    try:
        frames = rdata.read_rda(path, default_encoding="utf8")
    except (OSError, ValueError, NotImplementedError) as error:
        raise DataError(f"{path}: no R data: {error}") from error
    frame = next(iter(frames.values()))
    if label not in frame.columns:
        raise DataError(f"{path}: no column {label!r}; it has {', '.join(frame.columns)}")
    try:
        x = np.stack([frame[c].to_numpy(np.float32) for c in frame.columns if c != label], axis=1)
    except ValueError as error:
        raise DataError(f"{path}: a column but {label!r} holds no numbers: {error}") from error
    named = frame[label].dtype == "category"
    y = np.asarray(frame[label].cat.codes if named else frame[label])
    classes = [str(c) for c in frame[label].cat.categories] if named else None
    if test_last is None:
        return Raw(KIND, {"train": (x, y)}, classes)
    if test_last >= len(x):
        raise DataError(f"{path}: test_last {test_last} of {len(x)} rows leaves none to train on")
    return Raw(KIND, {"train": (x[:-test_last], y[:-test_last]), "test": (x[-test_last:], y[-test_last:])}, classes)
