"""Batches of a data set that lives in memory: an order of its items per epoch, a pure function of seed and epoch."""

import numpy as np
import torch
from torch import Tensor


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
        """Indices (N,) of an epoch's items; a resumed run draws what the uninterrupted one drew."""
        seed = int(np.random.SeedSequence([self.seed, epoch]).generate_state(1, np.uint64)[0] >> 1)
        generator = torch.Generator().manual_seed(seed)
        if self.weights is None:
            return torch.randperm(len(self.y), generator=generator).to(self.y.device)
        return torch.multinomial(self.weights, len(self.y), True, generator=generator).to(self.y.device)
