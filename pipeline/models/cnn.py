"""A plain convolutional network: one convolution, max pooling, one hidden dense layer.

The usual first example of a convolutional classifier; no paper.
"""

from typing import Annotated

from pydantic import Field
from torch import nn

INPUTS = ("image",)
CHANNELS_LAST = True


def build(
    shape: tuple[int, ...],
    outputs: int,
    *,
    filters: Annotated[int, Field(ge=1)] = 32,
    kernel: Annotated[int, Field(ge=1)] = 3,
    hidden: Annotated[int, Field(ge=1)] = 100,
) -> nn.Module:
    """(N, C, H, W) to logits (N, outputs); the convolution is not padded, pooling is 2 x 2."""
    channels, height, width = shape
    rows, columns = (height - kernel + 1) // 2, (width - kernel + 1) // 2
    if min(rows, columns) < 1:
        raise ValueError(f"cnn: images of {height} x {width} are too small for kernel {kernel}; need {kernel + 1}")
    return nn.Sequential(
        nn.Conv2d(channels, filters, kernel),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(filters * rows * columns, hidden),
        nn.ReLU(),
        nn.Linear(hidden, outputs),
    )
