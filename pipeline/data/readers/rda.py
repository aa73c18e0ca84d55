"""A data frame of R, as `save` writes it (`*.rda`), such as those of the package mlbench."""

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.data.precision import single
from pipeline.data.raw import DataError, Raw
from pipeline.data.spec import Column

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
    features = [c for c in frame.columns if c != label]
    try:
        x = single(np.stack([frame[c].to_numpy(np.float64) for c in features], axis=1), str(path), features)
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: a column but {label!r} holds no numbers: {error}") from error
    named = frame[label].dtype == "category"
    y = np.asarray(frame[label].cat.codes if named else frame[label])
    classes = [str(c) for c in frame[label].cat.categories] if named else None
    if test_last is not None and test_last >= len(x):
        raise DataError(f"{path}: test_last {test_last} of {len(x)} rows leaves none to train on")
    first = {"train": 0, "test": len(x) - (test_last or 0)}
    splits = {"train": (x[: first["test"]], y[: first["test"]])}
    if test_last:
        splits["test"] = (x[first["test"] :], y[first["test"] :])
    columns = [Column(name=c) for c in features]
    return Raw(KIND, splits, classes, columns, where=lambda s, number: f"{path}: row {first[s] + number + 1}")
