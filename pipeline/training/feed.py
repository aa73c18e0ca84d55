"""What one process is given of the training items: chunks of an epoch, each cut into batches, of each its share."""

from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from pipeline.data import batches, mixing
from pipeline.data.augment import Augmentation, take
from pipeline.data.batches import Batches
from pipeline.training.distributed import Ranks
from pipeline.training.network import Network
from pipeline.training.recipe import Gradient

CHUNK_VALUES = 2**20  # gathered and scaled at once: 4 MB, so that a batch is still in the cache when its turn comes


class Share(NamedTuple):
    """This process's part of a batch; it may be empty.

    batch: indices of all its items. x: prepared inputs (n, ...). y: their labels (n,). partner_labels: of the items
    that they are mixed with, None without mixing; own: weight of `y`'s loss against the partners', a scalar tensor.
    """

    batch: Tensor
    x: Tensor
    y: Tensor
    partner_labels: Tensor | None = None
    own: Tensor | None = None


class Feed:
    """Draws are a function of seed, epoch and chunk, and made for whole batches: neither a kill nor the number of
    processes changes them. ValueError where items can't be augmented or mixed as the recipe asks."""

    def __init__(self, train: Batches, network: Network, recipe: Gradient, ranks: Ranks) -> None:
        self.train, self.network, self.recipe, self.ranks = train, network, recipe, ranks
        self.augmentation = Augmentation(recipe.augment, train.shape)
        self.mixes = bool(recipe.mixup or recipe.cutmix)
        if self.mixes and train.kind.padded:
            mixing.require_whole(train.parts(1000))
        self.begun = False
        self.per_chunk = max(1, CHUNK_VALUES // (recipe.batch_size * prod(train.shape)))

    def begin(self, epoch: int) -> None:
        self.epoch, self.order, self.begun = epoch, self.train.order(epoch), True

    def chunk(self, number: int) -> list[Share]:
        """The batches of a chunk, on the device of the items."""
        size = self.recipe.batch_size
        chosen = self.order[number * self.per_chunk * size : (number + 1) * self.per_chunk * size]
        parts = chosen.split(size)
        if self.mixes:
            return self._mixed(chosen, list(parts), number)
        shares = [self._mine(part) for part in parts]
        mine, sizes = torch.cat(shares), [len(share) for share in shares]
        if self.train.kind.ragged:  # each batch is padded to its own longest
            texts = (self.network.prepare(self.train.gather(share)) for share in shares)
            tags = (self.train.y.index_select(0, share) for share in shares)
            return [Share(*share) for share in zip(parts, texts, tags, strict=True)]
        labels = self.train.y.index_select(0, mine).split(sizes)
        x = self.train.gather(mine)
        if self.augmentation:
            drawn = self.augmentation.draw(len(chosen), batches.generator(self.train.seed, self.epoch, number + 1))
            if self.ranks.size > 1:
                drawn = take(drawn, torch.cat([self._mine(place) for place in torch.arange(len(chosen)).split(size)]))
            x = self.augmentation.apply(x, drawn)
        inputs = self.network.prepare(x).split(sizes)
        return [Share(*share) for share in zip(parts, inputs, labels, strict=True)]

    def _mine(self, batch: Tensor) -> Tensor:
        """This process's part of a batch, contiguous; the parts differ by one item at most."""
        return batch if self.ranks.size == 1 else batch.tensor_split(self.ranks.size)[self.ranks.rank]

    def _mixed(self, chosen: Tensor, parts: list[Tensor], number: int) -> list[Share]:
        """All items of the chunk are augmented, since another process may have an item's partner."""
        draws = batches.generator(self.train.seed, self.epoch, number + 1)
        x = self.augmentation.apply(self.train.gather(chosen), self.augmentation.draw(len(chosen), draws))
        shares = []
        for part, items in zip(parts, x.split(self.recipe.batch_size), strict=True):
            mix = mixing.draw(
                len(part), draws, mixup=self.recipe.mixup, cutmix=self.recipe.cutmix, shape=tuple(x.shape[1:])
            )
            mine = self._mine(torch.arange(len(part), device=x.device))
            partners = mix.partners.to(x.device)[mine]
            mixed = mixing.apply(items[mine], items[partners], mix)
            y = self.train.y.index_select(0, part)
            own = torch.full((), mix.share, device=x.device)
            shares.append(Share(part, self.network.prepare(mixed), y[mine], y[partners], own))
        return shares
