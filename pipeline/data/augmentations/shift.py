"""Move images by whole pixels, up to `pixels` along each axis; the border that comes in has the value `fill`.

Every offset is as likely as another. The same as a `crop` with as much padding, under the name that it has for digits;
it pads with one value only.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.nn.functional import pad

from pipeline.data.augmentations._step import Drawn, Step
from pipeline.data.augmentations._windows import windows

KINDS = ("image",)


def build(
    shape: tuple[int, ...],
    *,
    pixels: Annotated[int, Field(ge=1)] = 2,
    fill: Annotated[int, Field(ge=0, le=255)] = 0,
) -> Step:
    """Images (N, C, H, W). Drawn: rows down and columns to the right, int64 (N,)."""
    _, height, width = shape

    def draw(count: int, generator: Generator) -> Drawn:
        return tuple(torch.randint(-pixels, pixels + 1, (2, count), generator=generator))

    def apply(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
        return windows(pad(x, (pixels,) * 4, value=fill), pixels - down, pixels - right, height, width)

    return Step(draw, apply)
