"""Multiply each feature of a series by a random factor near 1 (Um et al. 2017, section 3.2)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Generator, Tensor

from pipeline.data.augmentations._step import Drawn, Step

KINDS = ("series",)


def build(shape: tuple[int, ...], *, deviation: Annotated[float, Field(ge=0)] = 0.1) -> Step:
    """Series (N, T, F), NaN at their ends. Drawn: factors of mean 1, float32 (N, F)."""

    def draw(count: int, generator: Generator) -> Drawn:
        return (1 + deviation * torch.randn(count, shape[1], generator=generator),)

    def apply(x: Tensor, factors: Tensor) -> Tensor:
        return x * factors.unsqueeze(1)

    return Step(draw, apply)
