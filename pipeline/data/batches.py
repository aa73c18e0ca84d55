"""Batches of a data set: an order of its items per epoch, a pure function of seed and epoch."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from pipeline.data.arrays import Mapped
from pipeline.data.kinds import Kind, Shape


def generator(seed: int, epoch: int, place: int = 0) -> torch.Generator:
    """Draws, on the CPU, that are a function of these alone: a resumed run draws what the uninterrupted one drew.

    place: in the epoch; 0 is its beginning, where the order of its items is drawn, and chunk i begins at i + 1.
    """
    state = np.random.SeedSequence([seed, epoch, place]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> 1))


class Batches:
    """Raw items (N, ...) of a kind and their targets (N,), cut into batches in an order that `order` draws.

    Items that are in memory move to the device with their targets; of others each batch does. balanced: every class is
    drawn equally often (with replacement) instead of every item once.
    """

    def __init__(
        self, kind: Kind, x: np.ndarray | Mapped, y: np.ndarray, batch_size: int, seed: int, balanced: bool = False
    ) -> None:
        self.kind, self.batch_size, self.seed = kind, batch_size, seed
        self.x = x if isinstance(x, Mapped) else torch.from_numpy(x)
        self.y = torch.from_numpy(y)
        self.weights = 1.0 / torch.bincount(self.y)[self.y] if balanced else None

    def __len__(self) -> int:
        """Batches in an epoch; the last may be smaller."""
        return -(-len(self.y) // self.batch_size)

    @property
    def shape(self) -> Shape:
        """Of one raw item."""
        return tuple(self.x.shape[1:])

    def to(self, device: torch.device) -> None:
        self.y = self.y.to(device)
        if not isinstance(self.x, Mapped):
            self.x = self.x.to(device)

    def order(self, epoch: int) -> Tensor:
        """Indices (N,) of an epoch's items."""
        draws = generator(self.seed, epoch)
        if self.weights is None:
            return torch.randperm(len(self.y), generator=draws).to(self.y.device)
        return torch.multinomial(self.weights, len(self.y), True, generator=draws).to(self.y.device)

    def gather(self, chosen: Tensor) -> Tensor:
        """Raw items (n, ...) at places `chosen` (n,), on the device of the targets."""
        return self.kind.gather(self.x, chosen)

    def part(self, start: int, size: int) -> Tensor:
        """Up to `size` raw items from `start` on, in their own order, on the device of the targets."""
        if isinstance(self.x, Mapped):
            return torch.from_numpy(self.x[start : start + size]).to(self.y.device)
        return self.x[start : start + size]

    def parts(self, size: int) -> Iterator[Tensor]:
        """All of them, `size` at a time."""
        return (self.part(start, size) for start in range(0, len(self.y), size))
