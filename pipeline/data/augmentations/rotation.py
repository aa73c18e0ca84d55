"""Rotate images about their centre by up to `degrees` either way: torchvision's RandomRotation.

Each pixel of v2.functional's `rotate`, whose grid this is, for every image at once. It departs where `bilinear` meets a
`fill` other than 0: torchvision weighs such border pixels twice, here they are interpolated between image and fill.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.nn.functional import grid_sample

from pipeline.data.augmentations._step import Drawn, Step

KINDS = ("image",)


def build(
    shape: tuple[int, ...],
    *,
    degrees: Annotated[float, Field(gt=0, le=180)] = 10.0,
    interpolation: Literal["nearest", "bilinear"] = "nearest",
    fill: Annotated[int, Field(ge=0, le=255)] = 0,
) -> Step:
    """Images (N, C, H, W). Drawn: `matrices` of the angles, float32 (N, 2, 3)."""
    _, height, width = shape
    columns, rows = (torch.linspace((1.0 - n) * 0.5, (n - 1.0) * 0.5, n) for n in (width, height))
    centred = torch.stack([*torch.meshgrid(columns, rows, indexing="xy"), torch.ones(height, width)], 2).view(-1, 3)
    half = torch.tensor([0.5 * width, 0.5 * height])

    def draw(count: int, generator: Generator) -> Drawn:
        angles = torch.empty(count, dtype=torch.float64).uniform_(-degrees, degrees, generator=generator)
        return (matrices(angles),)

    def apply(x: Tensor, matrix: Tensor) -> Tensor:
        grid = centred.to(x.device) @ (matrix.transpose(1, 2) / half.to(x.device))
        values = x.to(torch.float32) - fill
        turned = grid_sample(values, grid.view(-1, height, width, 2), interpolation, "zeros", align_corners=False)
        return (turned + fill).round_().to(x.dtype)

    return Step(draw, apply)


def matrices(angles: Tensor) -> Tensor:
    """Float32 (N, 2, 3), from a place in the result to the place in the image, of float64 degrees (N,), anticlockwise.

    Computed in double precision, as torchvision does, for a nearest pixel may hang on the last bit.
    """
    radians = torch.deg2rad(-(angles % 360))
    cosine, sine, zero = radians.cos(), radians.sin(), torch.zeros_like(radians)
    return torch.stack([cosine, sine, zero, -sine, cosine, zero], 1).view(-1, 2, 3).to(torch.float32)
