"""What a reader returns: the items of a data set as arrays, in the splits that its source brings."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.data.spec import Column

Arrays = tuple[np.ndarray, np.ndarray]
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


class DataError(ValueError):
    """Data that can't be used as it is; the message says what and how many."""


@dataclass(frozen=True)
class Raw:
    """kind: of `pipeline.data.kinds`. splits: `train` and, where the source brings them, `validation` and `test`.

    Each split is a pair (x, y). x: items (N, ...) of the kind's dtype; NaN fills up a series that is shorter than the
    longest. y: labels (N,) as the source has them, numbers or names. classes: their names, where it says them.

    columns: of a table. by_name: whether their names are more than numbers, so that a row can be given by them.
    remarks: what a person should know, such as files that were left out; told on the console and kept in `meta.json`.
    where: the place of an item in the source, `flowers.csv:17`, of its split and its number there.
    """

    kind: str
    splits: dict[str, Arrays]
    classes: list[str] | None = None
    columns: list[Column] | None = None
    by_name: bool = False
    remarks: tuple[str, ...] = ()
    where: Callable[[str, int], str] | None = None


def told(error: BaseException) -> str:
    """What an error of a library says, with its kind where it says little: `KeyError: 'x'`."""
    return f"{type(error).__name__}: {error}"


def split_of(name: str) -> str | None:
    """The split that a file or a folder of this name holds, None where it is no split's name.

    >>> split_of("Val")
    'validation'
    """
    return SPLIT_NAMES.get(name.lower())
