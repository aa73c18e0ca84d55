"""Pad images on every side and cut a window of the original size out at random (He et al. 2016, section 4.2).

torchvision's RandomCrop with `padding`; `border` is its padding_mode.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor
from torchvision.transforms.v2 import functional

from pipeline.data.augmentations._step import Drawn, Step
from pipeline.data.augmentations._windows import windows

KINDS = ("image",)


def build(
    shape: tuple[int, ...],
    *,
    padding: Annotated[int, Field(ge=1)] = 4,
    border: Literal["constant", "edge", "reflect", "symmetric"] = "constant",
    fill: Annotated[int, Field(ge=0, le=255)] = 0,
) -> Step:
    """Images (N, C, H, W). Drawn: top and left of the window in the padded image, int64 (N,).

    ValueError where a border is to be mirrored from fewer pixels than it has.
    """
    _, height, width = shape
    if border in ("reflect", "symmetric") and padding >= min(height, width):
        raise ValueError(f"crop: padding {padding} can't be mirrored from images of {height} x {width}; lower it")

    def draw(count: int, generator: Generator) -> Drawn:
        return tuple(torch.randint(0, 2 * padding + 1, (2, count), generator=generator))

    def apply(x: Tensor, top: Tensor, left: Tensor) -> Tensor:
        padded = functional.pad(x, [padding], [fill], border)
        return windows(padded.contiguous(), top, left, height, width)

    return Step(draw, apply)
