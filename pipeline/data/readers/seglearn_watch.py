"""Recordings of shoulder exercises by a smartwatch, 50 values a second of acceleration and rotation in three axes.

Burns, Leung, Hardisty, Whyne, Henry, McLachlin (2018): Shoulder physiotherapy exercise recognition: machine learning
the inertial signals from a smartwatch. The package seglearn ships 140 recordings of ten people, pickled in one file.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.data import unpickle
from pipeline.data.raw import DataError, Raw

KIND = "series"


def read(
    folder: Path,
    *,
    window: Annotated[int, Field(ge=1)] = 200,
    step: Annotated[int, Field(ge=1)] = 200,
    stride: Annotated[int, Field(ge=1)] = 4,
    validation: list[int] = [7],  # noqa: B006 (read as a literal, never changed)
    test: list[int] = [8, 9, 10],  # noqa: B006
) -> Raw:
    """Windows of `window` values every `step`, of which each `stride`-th is kept: float32 (N, window / stride, 6).

    validation, test: numbers of the people, of 1 to 10, that these splits are made of; nobody is in two splits.
    """
    path = folder / "watch_dataset.npy"
    if twice := set(validation) & set(test):
        raise DataError(f"{path}: person {min(twice)} is in validation and in test; nobody may be in two splits")
    with path.open("rb") as file:
        recordings = unpickle.load_npy(file)
    rest = set(recordings["subject"].tolist()) - set(validation) - set(test)
    splits = {}
    for split, people in {"train": rest, "validation": set(validation), "test": set(test)}.items():
        cut = [
            (series[start : start + window : stride], label)
            for series, label, person in zip(recordings["X"], recordings["y"], recordings["subject"], strict=True)
            if person in people
            for start in range(0, len(series) - window + 1, step)
        ]
        if not cut:
            raise DataError(f"{path}: no window of {window} values for the {split} people {sorted(people)}")
        splits[split] = (np.stack([x for x, _ in cut]).astype(np.float32), np.array([y for _, y in cut], np.int64))
    return Raw(KIND, splits, list(recordings["y_labels"]))
