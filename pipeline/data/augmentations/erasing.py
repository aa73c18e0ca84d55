"""Erase a random rectangle (Zhong et al. 2020, algorithm 1): torchvision's RandomErasing.

As there, an image keeps all its pixels where ten rectangles in a row did not fit. `noise` gives each erased pixel a
value of its own in [0, 255] (the paper's RE-R); torchvision's are normal numbers, which suit scaled images only.
"""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Generator, Tensor

from pipeline.data.augmentations._step import Drawn, Step

KINDS = ("image",)
TRIES = 10


def build(
    shape: tuple[int, ...],
    *,
    probability: Annotated[float, Field(ge=0, le=1)] = 0.5,
    area: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=2, max_length=2)] = [0.02, 0.33],  # noqa: B006
    aspect: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=2, max_length=2)] = [0.3, 3.3],  # noqa: B006
    fill: Annotated[int, Field(ge=0, le=255)] = 0,
    noise: bool = False,
) -> Step:
    """Images (N, C, H, W). Drawn: top, left, height and width of the rectangle, int64 (N,), heights of 0 where none is;
    with `noise` also values, uint8 (N, C, H, W).

    area: lowest and highest share of the image. aspect: of height to width. ValueError where one is not in order.
    """
    _, height, width = shape
    for name, (low, high) in (("area", area), ("aspect", aspect)):
        if low > high:
            raise ValueError(f"erasing: {name} is [{low}, {high}]; give the lowest first")

    def draw(count: int, generator: Generator) -> Drawn:
        def uniform(low: float, high: float, *size: int) -> Tensor:
            return torch.empty(count, *size).uniform_(low, high, generator=generator)

        areas = height * width * uniform(area[0], area[1], TRIES)
        aspects = uniform(math.log(aspect[0]), math.log(aspect[1]), TRIES).exp()
        heights, widths = (areas * aspects).sqrt().round().long(), (areas / aspects).sqrt().round().long()
        fits = (heights < height) & (widths < width)
        first = fits.int().argmax(1, keepdim=True)
        wanted = fits.any(1) & (uniform(0, 1) < probability)
        h, w = (torch.where(wanted, sizes.gather(1, first)[:, 0], 0) for sizes in (heights, widths))
        top, left = ((uniform(0, 1) * (whole - part + 1)).long() for whole, part in ((height, h), (width, w)))
        if not noise:
            return top, left, h, w
        return top, left, h, w, torch.randint(0, 256, (count, *shape), generator=generator, dtype=torch.uint8)

    def apply(x: Tensor, top: Tensor, left: Tensor, h: Tensor, w: Tensor, values: Tensor | None = None) -> Tensor:
        rows, columns = _between(top, h, height), _between(left, w, width)
        erased = (rows[:, :, None] & columns[:, None, :]).unsqueeze(1)
        return x.masked_fill(erased, fill) if values is None else torch.where(erased, values, x)

    return Step(draw, apply)


def _between(start: Tensor, size: Tensor, length: int) -> Tensor:
    """Bool (N, length): true from `start` on for `size` places, both (N,)."""
    places = torch.arange(length, device=start.device)
    return (places >= start.unsqueeze(1)) & (places < (start + size).unsqueeze(1))
