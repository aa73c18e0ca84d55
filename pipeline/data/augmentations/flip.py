"""Mirror images left to right, or upside down: torchvision's RandomHorizontalFlip and RandomVerticalFlip."""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from pipeline.data.augmentations._step import Drawn, Step

KINDS = ("image",)


def build(
    shape: tuple[int, ...],
    *,
    probability: Annotated[float, Field(ge=0, le=1)] = 0.5,
    direction: Literal["horizontal", "vertical"] = "horizontal",
) -> Step:
    """Images (N, C, H, W). Drawn: whether, bool (N,)."""
    dimension = {"horizontal": 3, "vertical": 2}[direction]

    def draw(count: int, generator: Generator) -> Drawn:
        return (torch.rand(count, generator=generator) < probability,)

    def apply(x: Tensor, chosen: Tensor) -> Tensor:
        both = torch.cat((x, x.flip(dimension)))  # and whole images selected: a third of the time of torch.where
        return both.index_select(0, torch.arange(len(x), device=x.device) + len(x) * chosen)

    return Step(draw, apply)
