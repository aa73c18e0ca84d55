"""Capsule network with dynamic routing; 8,215,568 parameters at 28 x 28 grey and 10 classes, 6,804,224 without decoder.

Sabour, Frosst, Hinton (2017): Dynamic routing between capsules, section 4. Pixels have to be in [0, 1] (scaling
`unit`), which is what the decoder gives back. The parts are in `_capsules.py`.

Departures: the weights of the votes start with half the deviation of the authors' code; optimizer and schedule are the
recipe's.
"""

from typing import Annotated

from pydantic import Field
from torch import nn

from pipeline.models._capsules import CapsNet
from pipeline.models._layers import require_size

INPUTS = ("image",)
REQUIRES = (
    ({"target": ("class",), "sampling": ("none", "balanced"), "label_smoothing": (0.0,)}, "its loss is its own"),
    ({"mixup": (0.0,), "cutmix": (0.0,)}, "its loss is its own"),
    ({"loss": ("default", "squared")}, "its scores are lengths of [0, 1), and their margin loss is its default"),
    ({"loss": ("default",)}, "its decoder learns by its own loss", {"decoder": True}),
    ({"last_layer": ("plain",)}, "it does not end with a dense layer"),
    ({"scaling": ("unit",)}, "its decoder gives back pixels of [0, 1]", {"decoder": True}),
)


def build(
    shape: tuple[int, ...],
    outputs: int,
    *,
    iterations: Annotated[int, Field(ge=1)] = 3,
    decoder: bool = True,
) -> nn.Module:
    """(N, C, H, W) to lengths of class capsules (N, outputs), in [0, 1)."""
    require_size("capsnet", shape, 17)
    return CapsNet(shape, outputs, 256, 32, iterations, [512, 1024] if decoder else [])
