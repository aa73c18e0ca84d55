"""A few operations drawn from one list, all at one magnitude (Cubuk et al. 2020): torchvision's RandAugment.

Its operations and ranges. Images are grouped by what they drew; a group is one call of torchvision's kernel.
"""

import math
from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field
from torch import Generator, Tensor
from torchvision.transforms.v2 import functional

from pipeline.data.augmentations._groups import grouped
from pipeline.data.augmentations._step import Drawn, Step

KINDS = ("image",)
HIGHEST = 30  # of the paper's magnitudes


def build(
    shape: tuple[int, ...],
    *,
    operations: Annotated[int, Field(ge=1)] = 2,
    magnitude: Annotated[int, Field(ge=0, le=30)] = 9,
    fill: Annotated[int, Field(ge=0, le=255)] = 0,
) -> Step:
    """Images (N, C, H, W) of 1 or 3 channels. Drawn: which of `space`, each twice, with either sign, int64
    (N, operations).

    ValueError for another number of channels.
    """
    if shape[0] not in (1, 3):
        raise ValueError(f"rand_augment: images have {shape[0]} channels; it takes 1 or 3")
    operators = space(shape, magnitude, fill).values()
    known = [lambda x, _, f=f, sign=sign: f(x, sign) for f in operators for sign in (1, -1)]

    def draw(count: int, generator: Generator) -> Drawn:
        return (torch.randint(len(known), (count, operations), generator=generator),)

    def apply(x: Tensor, drawn: Tensor) -> Tensor:
        for turn in drawn.unbind(1):
            x = grouped(x, turn, known)
        return x

    return Step(draw, apply)


def space(shape: tuple[int, ...], magnitude: int, fill: int) -> dict[str, Callable[..., Tensor]]:
    """Functions of images (N, C, H, W) and a sign, 1 or -1, of the magnitude, by torchvision's names.

    Ranges are for the highest magnitude; those that know no sign ignore it.
    """
    _, height, width = shape

    def at(highest: float, lowest: float = 0.0) -> float:
        return float(torch.linspace(lowest, highest, HIGHEST + 1)[magnitude])

    def moved(x: Tensor, shear: tuple[float, float] = (0.0, 0.0), by: tuple[float, float] = (0.0, 0.0)) -> Tensor:
        degrees = [math.degrees(math.atan(s)) for s in shear]
        corner = [0.0, 0.0] if any(shear) else None  # shears keep the upper left corner where it is
        return functional.affine(x, 0.0, [int(b) for b in by], 1.0, degrees, fill=[fill], center=corner)

    across, down, bits = at(150.0 / 331.0 * width), at(150.0 / 331.0 * height), round(8 - magnitude / HIGHEST * 4)
    return {
        "Identity": lambda x, sign: x,
        "ShearX": lambda x, sign: moved(x, shear=(sign * at(0.3), 0.0)),
        "ShearY": lambda x, sign: moved(x, shear=(0.0, sign * at(0.3))),
        "TranslateX": lambda x, sign: moved(x, by=(sign * across, 0.0)),
        "TranslateY": lambda x, sign: moved(x, by=(0.0, sign * down)),
        "Rotate": lambda x, sign: functional.rotate(x, sign * at(30.0), fill=[fill]),
        "Brightness": lambda x, sign: functional.adjust_brightness(x, 1.0 + sign * at(0.9)),
        "Color": lambda x, sign: functional.adjust_saturation(x, 1.0 + sign * at(0.9)),
        "Contrast": lambda x, sign: functional.adjust_contrast(x, 1.0 + sign * at(0.9)),
        "Sharpness": lambda x, sign: functional.adjust_sharpness(x, 1.0 + sign * at(0.9)),
        "Posterize": lambda x, sign: functional.posterize(x, bits),
        "Solarize": lambda x, sign: functional.solarize(x, 255.0 * at(0.0, 1.0)),
        "AutoContrast": lambda x, sign: functional.autocontrast(x),
        "Equalize": lambda x, sign: functional.equalize(x),
    }
