"""Batches of a data set that lives in memory: an order of its items per epoch, a pure function of seed and epoch."""

import numpy as np
import torch
from torch import Tensor


def generator(seed: int, epoch: int, place: int = 0) -> torch.Generator:
    """Draws, on the CPU, that are a function of these alone: a resumed run draws what the uninterrupted one drew.

    place: in the epoch; 0 is its beginning, where the order of its items is drawn, and chunk i begins at i + 1.
    """
    state = np.random.SeedSequence([seed, epoch, place]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> 1))


class Batches:
    """Raw items (N, ...) and labels (N,) on one device, cut into batches in an order that `order` draws.

    balanced: every class is drawn equally often (with replacement) instead of every item once.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, batch_size: int, seed: int, balanced: bool = False) -> None:
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y)
        self.batch_size, self.seed = batch_size, seed
        self.weights = 1.0 / torch.bincount(self.y)[self.y] if balanced else None

    def __len__(self) -> int:
        """Batches in an epoch; the last may be smaller."""
        return -(-len(self.y) // self.batch_size)

    def to(self, device: torch.device) -> None:
        self.x, self.y = self.x.to(device), self.y.to(device)

    def order(self, epoch: int) -> Tensor:
        """Indices (N,) of an epoch's items."""
        draws = generator(self.seed, epoch)
        if self.weights is None:
            return torch.randperm(len(self.y), generator=draws).to(self.y.device)
        return torch.multinomial(self.weights, len(self.y), True, generator=draws).to(self.y.device)
