"""Change brightness, contrast and saturation, in an order of each image's own: torchvision's ColorJitter.

Each pixel of v2.functional's `adjust_brightness`, `adjust_contrast` and `adjust_saturation`, whose arithmetic this is
with a factor an image. Hue is left out: its kernel takes one for all. Grey images have no saturation to change.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Generator, Tensor
from torchvision.transforms.v2 import functional

from pipeline.data.augmentations._groups import grouped
from pipeline.data.augmentations._step import Drawn, Step

KINDS = ("image",)


def build(
    shape: tuple[int, ...],
    *,
    brightness: Annotated[float, Field(ge=0)] = 0.4,
    contrast: Annotated[float, Field(ge=0)] = 0.4,
    saturation: Annotated[float, Field(ge=0)] = 0.4,
) -> Step:
    """Images (N, C, H, W) of 1 or 3 channels. Drawn: factors, float32 (N, 3), between 1 - strength, or 0, and
    1 + strength; order of the three, int64 (N, 3).

    ValueError for another number of channels.
    """
    if shape[0] not in (1, 3):
        raise ValueError(f"colour: images have {shape[0]} channels; it takes 1 or 3")
    strengths = torch.tensor([brightness, contrast, saturation])

    def draw(count: int, generator: Generator) -> Drawn:
        low, high = (1 - strengths).clamp(min=0), 1 + strengths
        factors = low + (high - low) * torch.rand(count, 3, generator=generator)
        return factors, torch.rand(count, 3, generator=generator).argsort(1)

    def apply(x: Tensor, factors: Tensor, order: Tensor) -> Tensor:
        brightness, contrast, saturation = factors.view(-1, 3, 1, 1, 1).unbind(1)
        adjusts = (
            lambda images, group: _brightness(images, brightness[group]),
            lambda images, group: _contrast(images, contrast[group]),
            lambda images, group: _saturation(images, saturation[group]),
        )
        for turn in order.unbind(1):
            x = grouped(x, turn, adjusts)
        return x

    return Step(draw, apply)


def _brightness(x: Tensor, factor: Tensor) -> Tensor:
    return (x * factor).clamp_(0, 255).to(x.dtype)


def _contrast(x: Tensor, factor: Tensor) -> Tensor:
    return _blended(x, functional.rgb_to_grayscale(x).float().mean((1, 2, 3), keepdim=True), factor)


def _saturation(x: Tensor, factor: Tensor) -> Tensor:
    return _blended(x, functional.rgb_to_grayscale(x).float(), factor) if x.shape[1] == 3 else x


def _blended(x: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    """factor * x + (1 - factor) * other, with torchvision's one rounding at the end."""
    return torch.addcmul(x * factor, (1.0 - factor.double()).float(), other).clamp_(0, 255).to(x.dtype)
