"""A recipe's `augment`: its steps one after another, on whole batches of raw training items, on their device."""

import importlib
from collections.abc import Sequence
from typing import Any

from torch import Generator, Tensor

from pipeline.data.augmentations._step import Drawn, Step


class Augmentation:
    """Made once a run. steps: `name`, a file of `pipeline/data/augmentations`, and its options. shape: of a raw item.

    What is drawn depends on the generator and the number of items alone, so with a generator of seed, epoch and place
    in the epoch a resumed run needs nothing else, and with draws for the whole global batch, of which each device
    `take`s its own, their number changes nothing. ValueError where an augmentation can't be of this shape.
    """

    def __init__(self, steps: Sequence[dict[str, Any]], shape: tuple[int, ...]) -> None:
        self.steps: list[Step] = []
        for step in steps:
            module = importlib.import_module(f"pipeline.data.augmentations.{step['name']}")
            self.steps.append(module.build(shape, **{k: v for k, v in step.items() if k != "name"}))

    def __bool__(self) -> bool:
        return bool(self.steps)

    def draw(self, count: int, generator: Generator) -> list[Drawn]:
        """What each step draws for `count` items, on the CPU, with a generator of the CPU, whatever trains."""
        return [step.draw(count, generator) for step in self.steps]

    def apply(self, x: Tensor, drawn: Sequence[Drawn]) -> Tensor:
        """Raw items (N, ...) of any device, augmented; of no steps, themselves. A device's share may be no items."""
        if not len(x):
            return x
        for step, tensors in zip(self.steps, drawn, strict=True):
            x = step.apply(x, *(t.to(x.device) for t in tensors))
        return x


def take(drawn: Sequence[Drawn], chosen: slice | Tensor) -> list[Drawn]:
    """The draws of some items."""
    return [tuple(tensor[chosen] for tensor in tensors) for tensors in drawn]
