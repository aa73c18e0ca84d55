"""A plain convolutional network: blocks of one convolution and max pooling, then one hidden dense layer.

The usual first example of a convolutional classifier; no paper.
"""

from typing import Annotated

from pydantic import Field
from torch import nn

from pipeline.models._layers import require_size

INPUTS = ("image",)
CHANNELS_LAST = True


def build(
    shape: tuple[int, ...],
    outputs: int,
    *,
    filters: list[Annotated[int, Field(ge=1)]] = [32],  # noqa: B006 (read as a literal, never changed)
    kernel: Annotated[int, Field(ge=1)] = 3,
    hidden: Annotated[int, Field(ge=1)] = 100,
) -> nn.Module:
    """(N, C, H, W) to logits (N, outputs); `filters` of each block, convolutions not padded, pooling 2 x 2."""
    smallest = 1
    for _ in filters:
        smallest = 2 * smallest + kernel - 1
    require_size("cnn", shape, smallest)
    channels, height, width = shape
    layers: list[nn.Module] = []
    for count in filters:
        layers += [nn.Conv2d(channels, count, kernel), nn.ReLU(), nn.MaxPool2d(2)]
        channels, height, width = count, (height - kernel + 1) // 2, (width - kernel + 1) // 2
    layers += [nn.Flatten(), nn.Linear(channels * height * width, hidden), nn.ReLU(), nn.Linear(hidden, outputs)]
    return nn.Sequential(*layers)
