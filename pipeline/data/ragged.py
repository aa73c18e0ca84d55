"""Items of different lengths, stored one after another, and given padded to the longest of those that are asked for."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.arrays import Mapped

TOGETHER = 2**15  # values of items that go through a model at once, padding counted


class Ragged(Mapped):
    """Items (N, T) of which `chosen` (n,) are seen, in that order; indexing pads them at the end with `padding`.

    values: all items' values, one item after another (L,). bounds: (N + 1,), item i is values[bounds[i]:bounds[i + 1]].
    longest: that an item can be, the T of `shape`.
    """

    def __init__(
        self, values: np.ndarray, bounds: np.ndarray, padding: int, longest: int, chosen: np.ndarray | None = None
    ) -> None:
        self.values, self.bounds, self.padding = values, bounds, padding
        self.chosen = np.arange(len(bounds) - 1) if chosen is None else chosen
        self.shape, self.dtype = (len(self.chosen), longest), values.dtype

    @property
    def lengths(self) -> np.ndarray:
        """Of the items that are seen, int64 (n,)."""
        return np.asarray(self.bounds[self.chosen + 1] - self.bounds[self.chosen], np.int64)

    def __getitem__(self, where: Any) -> np.ndarray:
        """(k, T) of the items at `where`, a slice or places (k,); T is the longest of these."""
        items = np.atleast_1d(self.chosen[where])
        starts, lengths = self.bounds[items], self.bounds[items + 1] - self.bounds[items]
        padded = np.full((len(items), int(lengths.max(initial=0))), self.padding, self.dtype)
        there = np.arange(padded.shape[1]) < lengths[:, None]
        padded[there] = self.values[(starts[:, None] + np.arange(padded.shape[1]))[there]]
        return padded

    def take(self, places: np.ndarray) -> "Ragged":
        """Only the items at `places` (k,), in that order."""
        return Ragged(self.values, self.bounds, self.padding, self.shape[1], self.chosen[places])

    def flat(self) -> np.ndarray:
        """The values of the items that are seen, one item after another."""
        return np.concatenate(
            [self.values[:0], *(self.values[self.bounds[i] : self.bounds[i + 1]] for i in self.chosen)]
        )


def buckets(lengths: np.ndarray, items: int, values: int) -> Iterator[np.ndarray]:
    """Places of items (k,), the longest first, of which up to `items`, or `values` with their padding, go together."""
    order, start = np.argsort(-lengths, kind="stable"), 0
    while start < len(order):
        size = min(items, max(1, values // max(1, int(lengths[order[start]]))))
        yield order[start : start + size]
        start += size


def by_length(scores: Callable[[np.ndarray], np.ndarray], x: Ragged, batch: int) -> np.ndarray:
    """`scores` of padded items, asked with items of nearly one length at a time, in the items' own order.

    (N, K) of scores (n, K); of scores (n, T, K) those of all tokens, one item after another, (L, K).
    """
    found, lengths = np.zeros((len(x), 0), np.float32), x.lengths
    ends = lengths.cumsum()
    for number, places in enumerate(buckets(lengths, batch, TOGETHER)):
        part = scores(x[places])
        if not number:
            found = np.empty((len(x) if part.ndim == 2 else ends[-1], part.shape[-1]), part.dtype)
        if part.ndim == 2:
            found[places] = part
            continue
        for place, item in zip(places, part, strict=True):
            found[ends[place] - lengths[place] : ends[place]] = item[: lengths[place]]
    return found


def of(items: Sequence[Sequence[int]], padding: int, longest: int, dtype: str = "int32") -> Ragged:
    """Of lists of numbers."""
    bounds = np.concatenate([[0], np.cumsum([len(item) for item in items], dtype=np.int64)])
    values = np.fromiter(chain.from_iterable(items), dtype, bounds[-1])
    return Ragged(values, bounds, padding, longest)


def save(folder: Path, name: str, items: Ragged) -> None:
    """Write `<name>.npy` and `<name>_bounds.npy`."""
    np.save(folder / f"{name}.npy", items.values)
    np.save(folder / f"{name}_bounds.npy", items.bounds)


def load(folder: Path, name: str, padding: int, longest: int) -> Ragged:
    """What `save` wrote, mapped."""
    values, bounds = (np.load(folder / f"{n}.npy", mmap_mode="r", allow_pickle=False) for n in (name, f"{name}_bounds"))
    return Ragged(values, np.asarray(bounds), padding, longest)
