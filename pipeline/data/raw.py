"""What a reader returns: the items of a data set as arrays, in the splits that its source brings."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.data.spec import Column

Arrays = tuple[np.ndarray, np.ndarray]


class DataError(ValueError):
    """Data that can't be used as it is; the message says what and how many."""


@dataclass(frozen=True)
class Raw:
    """kind: of `pipeline.data.kinds`. splits: `train` and, where the source brings them, `validation` and `test`.

    Each split is a pair (x, y). x: items (N, ...) of the kind's dtype; NaN fills up a series that is shorter than the
    longest. y: labels (N,) as the source has them, numbers or names. classes: their names, where it says them.

    columns: of a table with names. notes: what a person should know, such as files that were left out; told on the
    console and kept in `meta.json`. where: the place of an item in the source, `flowers.csv:17`, of its split and its
    number there.
    """

    kind: str
    splits: dict[str, Arrays]
    classes: list[str] | None = None
    columns: list[Column] | None = None
    notes: tuple[str, ...] = ()
    where: Callable[[str, int], str] | None = None


def encode(labels: np.ndarray, classes: list[str] | None = None) -> tuple[np.ndarray, list[str]]:
    """Labels of any kind as int64 indices (N,), and the class names.

    Whole numbers are indices already; names get the order of `classes`, of the alphabet where it is None. DataError
    where a label is a fraction, or no class that was named.
    """
    if np.issubdtype(labels.dtype, np.floating):
        _refuse(labels, ~np.isfinite(labels) | (labels != labels.round()), "are no whole numbers")
        labels = labels.astype(np.int64)
    if np.issubdtype(labels.dtype, np.integer):
        if classes is None:
            highest = int(labels.max(initial=0))
            if highest >= max(len(labels), 1):
                raise DataError(f"labels go up to {highest}, more classes than the {len(labels)} items; "
                                "is this the label column?")  # fmt: skip
            classes = [str(c) for c in range(highest + 1)]
        return labels.astype(np.int64), classes
    words = np.array([str(v) for v in labels])
    names = classes or sorted(set(words.tolist()))
    _refuse(words, ~np.isin(words, names), f"are none of the classes {', '.join(names)}")
    index = {name: number for number, name in enumerate(names)}
    return np.array([index[w] for w in words.tolist()], np.int64), names


def numbers(labels: np.ndarray) -> np.ndarray:
    """Targets of a regression, float32 (N,); DataError where one is no finite number."""
    try:
        values = labels.astype(np.float32)
    except ValueError as error:
        raise DataError(f"a target is no number: {error}") from error
    _refuse(labels, ~np.isfinite(values), "are no finite numbers")
    return values


def _refuse(labels: np.ndarray, bad: np.ndarray, what: str) -> None:
    if bad.any():
        found = list(dict.fromkeys(labels[bad].tolist()))[:5]
        raise DataError(f"{int(bad.sum())} of {len(labels)} labels {what}: {found}")
