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

    found = [folder] if folder.is_file() else sorted(folder.glob("*.rda"))
    if len(found) != 1:
        raise DataError(f"{folder}: {len(found)} files *.rda ({', '.join(p.name for p in found)}); one is needed")
    path = found[0]
    try:
        frames = rdata.read_rda(path, default_encoding="utf8")
    except (OSError, ValueError, NotImplementedError) as error:
        raise DataError(f"{path}: no R data: {error}") from error
    if len(frames) != 1:
        raise DataError(f"{path}: it holds {', '.join(frames)}; one data frame a file is read")
    frame = next(iter(frames.values()))
    if label not in frame.columns:
        raise DataError(f"{path}: no column {label!r}; it has {', '.join(frame.columns)}")
    features = [c for c in frame.columns if c != label]
    try:
        x = single(np.stack([frame[c].to_numpy(np.float64) for c in features], axis=1), str(path), features)
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: a column but {label!r} holds no numbers: {error}") from error
    named = frame[label].dtype == "category"
    y = np.asarray(frame[label].astype(object).fillna("") if named else frame[label], str if named else None)
    classes = [c for c in map(str, frame[label].cat.categories) if c in set(y.tolist())] if named else None
    if test_last is not None and test_last >= len(x):
        raise DataError(f"{path}: test_last {test_last} of {len(x)} rows leaves none to train on")
    first = {"train": 0, "test": len(x) - (test_last or 0)}
    splits = {"train": (x[: first["test"]], y[: first["test"]])}
    if test_last:
        splits["test"] = (x[first["test"] :], y[first["test"] :])
    columns = [Column(name=c) for c in features]
    return Raw(KIND, splits, classes, columns, True, where=lambda s, number: f"{path}: row {first[s] + number + 1}")
