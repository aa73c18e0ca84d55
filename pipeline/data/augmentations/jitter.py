"""Add normal noise to every value of a series (Um et al. 2017, section 3.2).

In units of each feature's own standard deviation in the item, so that one number suits features of any scale; Um et al.
have signals of one unit. A feature that does not vary gets none.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Generator, Tensor

from pipeline.data.augmentations._step import Drawn, Step

KINDS = ("series",)


def build(shape: tuple[int, ...], *, deviation: Annotated[float, Field(ge=0)] = 0.05) -> Step:
    """Series (N, T, F), NaN at their ends. Drawn: standard normal noise, float32 (N, T, F)."""

    def draw(count: int, generator: Generator) -> Drawn:
        return (torch.randn(count, *shape, generator=generator),)

    def apply(x: Tensor, noise: Tensor) -> Tensor:
        centred = x - x.nanmean(1, keepdim=True)
        return torch.addcmul(x, noise, centred.square().nanmean(1, keepdim=True).sqrt(), value=deviation)

    return Step(draw, apply)
