"""What an augmentation is: draws for a batch, and what they do to it."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Generator, Tensor

Drawn = tuple[Tensor, ...]


class Step(NamedTuple):
    """draw(count, generator): tensors on the CPU, the first dimension of each is `count`.

    apply(x, *drawn): `x` of the same items with the draws applied, a new tensor of the same dtype, shape and device,
    where `drawn` is on that device too. An item's result depends on its own draws alone, so a part of a batch with its
    part of the draws gives that part of the result.
    """

    draw: Callable[[int, Generator], Drawn]
    apply: Callable[..., Tensor]
