"""Play a series faster here and slower there, within its own length (Um et al. 2017, section 3.2).

The speed is drawn at `knots` and changes smoothly between them. Two departures from Um et al.: speeds are log-normal,
so that time never runs backwards, and linear between knots instead of a spline, so that they add up in closed form.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Generator, Tensor

from pipeline.data.augmentations._step import Drawn, Step

KINDS = ("series",)


def build(
    shape: tuple[int, ...],
    *,
    deviation: Annotated[float, Field(ge=0)] = 0.2,
    knots: Annotated[int, Field(ge=2)] = 6,
) -> Step:
    """Series (N, T, F), NaN at their ends. Drawn: speeds at knots that are spread evenly from the first step of an item
    to its last, float32 (N, knots).

    deviation: of the logarithm of a speed. First and last step stay where they are.
    """

    def draw(count: int, generator: Generator) -> Drawn:
        return ((deviation * torch.randn(count, knots, generator=generator)).exp(),)

    def apply(x: Tensor, speeds: Tensor) -> Tensor:
        steps = torch.arange(shape[0], device=x.device)
        last = (~x.isnan().any(2)).sum(1, keepdim=True) - 1  # (N, 1), the same for all steps
        share = (steps / last.clamp(min=1)).clamp(max=1)
        times = (warped(share, speeds) * last).minimum(last)  # a rounding beyond the last step would read its padding
        return torch.where((steps <= last).unsqueeze(2), _read(x, times), torch.nan)

    return Step(draw, apply)


def warped(share: Tensor, speeds: Tensor) -> Tensor:
    """Time gone by, in shares of the whole (N, T), at shares of the way (N, T): the integral of `speeds` (N, knots)."""
    pieces = speeds.shape[1] - 1
    piece = (share * pieces).long().clamp(max=pieces - 1)
    within = share * pieces - piece
    start, end = speeds.gather(1, piece), speeds.gather(1, piece + 1)
    before = torch.nn.functional.pad(((speeds[:, :-1] + speeds[:, 1:]) / 2).cumsum(1), (1, 0))
    return (before.gather(1, piece) + within * (start + within * (end - start) / 2)) / before[:, -1:]


def _read(x: Tensor, times: Tensor) -> Tensor:
    """Values (N, T, F) of series `x` at `times` (N, T) between their steps, by linear interpolation."""
    earlier = times.long()
    later = times.ceil().long()
    features = (-1, -1, x.shape[2])
    first, second = (x.gather(1, t.unsqueeze(2).expand(features)) for t in (earlier, later))
    return torch.lerp(first, second, (times - earlier).unsqueeze(2))
