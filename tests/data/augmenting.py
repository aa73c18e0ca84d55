"""What tests of augmentations share: raw items of every kind, and one step applied to them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pipeline import introspection
from pipeline.data.augment import Augmentation
from pipeline.data.batches import generator

NAMES = introspection.names("data/augmentations")
SHAPES = {"image": [(1, 28, 28), (3, 9, 12)], "series": [(20, 3), (7, 1)]}
CASES = [
    (name, shape)
    for name in NAMES
    for kind in introspection.constant(f"data/augmentations/{name}", "KINDS")
    for shape in SHAPES[kind]
]
IMAGES = SHAPES["image"]
COUNT = 64


def items(shape: tuple[int, ...], count: int = COUNT) -> Tensor:
    """Raw items as readers give them: noisy pictures, or walks of lengths from 1 to T, NaN behind their ends."""
    draws = generator(0, 0)
    if len(shape) == 3:
        return torch.randint(0, 256, (count, *shape), generator=draws, dtype=torch.uint8)
    x = torch.randn(count, *shape, generator=draws).cumsum(1)
    lengths = torch.randint(1, shape[0] + 1, (count, 1), generator=draws)
    lengths[0] = shape[0]
    x[torch.arange(shape[0]) >= lengths] = torch.nan
    return x


def same(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and torch.equal(a.nan_to_num(), b.nan_to_num()) and torch.equal(a.isnan(), b.isnan())


def one_by_one(shape: tuple[int, ...], transform: Callable[..., Tensor], *draws: Tensor) -> Tensor:
    """`transform(image, *its draws)` of each of `items`."""
    each = zip(items(shape), *(d.tolist() for d in draws), strict=True)
    return torch.stack([transform(image, *drawn) for image, *drawn in each])


def applied(shape: tuple[int, ...], name: str, **options: Any) -> tuple[Tensor, tuple[Tensor, ...]]:
    """(`items` augmented by one step, what it drew)."""
    augmentation = Augmentation([{"name": name, **options}], shape)
    drawn = augmentation.draw(COUNT, generator(1, 0))
    return augmentation.apply(items(shape), drawn), drawn[0]
