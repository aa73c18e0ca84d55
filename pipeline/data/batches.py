"""Batches of a data set: an order of its items per epoch, a pure function of seed and epoch."""

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.data.arrays import Mapped
from pipeline.data.kinds import KINDS, Kind, Shape
from pipeline.data.ragged import Ragged

POOL = 50  # batches whose items are sorted by length together


def generator(seed: int, epoch: int, place: int = 0) -> torch.Generator:
    """Draws, on the CPU, that are a function of these alone: a resumed run draws what the uninterrupted one drew.

    place: in the epoch; 0 is its beginning, where the order of its items is drawn, and chunk i begins at i + 1.
    """
    state = np.random.SeedSequence([seed, epoch, place]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> 1))


def in_order(x: Any, y: Any) -> tuple[Any, Any]:
    """Items and targets in the order in which they are judged: those of nearly one length together."""
    if not isinstance(x, Ragged):
        return x, y
    places = np.argsort(x.lengths, kind="stable")
    return x.take(places), y.take(places) if isinstance(y, Ragged) else y[places]


class Batches:
    """Raw items (N, ...) of a kind and their targets, (N,) or one a token, cut into batches as `order` draws them.

    Items that are in memory move to the device with their targets; of others each batch does. balanced: every class is
    drawn equally often (with replacement) instead of every item once.
    """

    def __init__(
        self,
        kind: Kind,
        x: np.ndarray | Mapped,
        y: np.ndarray | Ragged,
        batch_size: int,
        seed: int,
        balanced: bool = False,
    ) -> None:
        self.kind, self.batch_size, self.seed, self.device = kind, batch_size, seed, torch.device("cpu")
        self.x = x if isinstance(x, Mapped) else torch.from_numpy(x)
        self.y = y if isinstance(y, Ragged) else torch.from_numpy(y)
        self.weights = 1.0 / torch.bincount(self.y)[self.y] if balanced and isinstance(self.y, Tensor) else None

    def __len__(self) -> int:
        """Batches in an epoch; the last may be smaller."""
        return -(-len(self.y) // self.batch_size)

    @property
    def shape(self) -> Shape:
        """Of one raw item."""
        return tuple(self.x.shape[1:])

    def over(self, features: np.ndarray) -> "Batches":
        """The same items in the same order, of each its features, float32 (N, D)."""
        made = copy.copy(self)
        made.x, made.kind = torch.from_numpy(features), KINDS["tabular"]
        return made

    def to(self, device: torch.device) -> None:
        self.device = device
        if isinstance(self.y, Tensor):
            self.y = self.y.to(device)
        if not isinstance(self.x, Mapped):
            self.x = self.x.to(device)

    def order(self, epoch: int) -> Tensor:
        """Indices (N,) of an epoch's items. Items of different lengths share a batch with those of nearly their own."""
        draws = generator(self.seed, epoch)
        if self.weights is None:
            drawn = torch.randperm(len(self.y), generator=draws)
        else:
            drawn = torch.multinomial(self.weights, len(self.y), True, generator=draws)
        if isinstance(self.x, Ragged):
            drawn = self._bucketed(drawn, torch.from_numpy(self.x.lengths), draws)
        return drawn.to(self.device)

    def _bucketed(self, drawn: Tensor, lengths: Tensor, draws: torch.Generator) -> Tensor:
        """Within a pool of batches the items are put in order of length; batches then come in any order."""
        pools = drawn.split(POOL * self.batch_size)
        ordered = torch.cat([pool[lengths[pool].argsort(stable=True)] for pool in pools])
        parts = ordered.split(self.batch_size)
        whole = len(drawn) // self.batch_size  # the last batch may be smaller, and stays the last
        order = torch.randperm(whole, generator=draws).tolist()
        return torch.cat([*(parts[place] for place in order), *parts[whole:]])

    def gather(self, chosen: Tensor) -> Tensor:
        """Raw items (n, ...) at places `chosen` (n,), on the device of the targets."""
        return self.kind.gather(self.x, chosen)

    def part(self, start: int, size: int) -> Tensor:
        """Up to `size` raw items from `start` on, in their own order, on the device of the targets."""
        if isinstance(self.x, Mapped):
            return torch.from_numpy(self.x[start : start + size]).to(self.device)
        return self.x[start : start + size]

    def targets(self, start: int, size: int) -> Tensor:
        """Of the same items."""
        part = self.y[start : start + size]
        return part if isinstance(part, Tensor) else torch.from_numpy(part).to(self.device)

    def parts(self, size: int) -> Iterator[Tensor]:
        """All of them, `size` at a time."""
        return (self.part(start, size) for start in range(0, len(self.y), size))
