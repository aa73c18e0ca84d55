"""The capsule network's small form: fewer filters and fewer primary capsules, 705,728 parameters at 28 x 28 grey.

After Sabour, Frosst, Hinton (2017): Dynamic routing between capsules. Departures: `filters` instead of 256, `capsules`
instead of 32 maps of primary capsules, and by default no decoder.
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
    filters: Annotated[int, Field(ge=1)] = 64,
    capsules: Annotated[int, Field(ge=1)] = 8,
    iterations: Annotated[int, Field(ge=1)] = 3,
    decoder: list[Annotated[int, Field(ge=1)]] = [],  # noqa: B006 (read as a literal, never changed)
) -> nn.Module:
    """(N, C, H, W) to lengths of class capsules (N, outputs), in [0, 1); `decoder` gives its hidden widths."""
    require_size("capsnet_small", shape, 17)
    return CapsNet(shape, outputs, filters, capsules, iterations, decoder)
