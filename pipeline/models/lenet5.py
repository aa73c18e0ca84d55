"""LeNet-5 in its modern form, 61,706 parameters at 28 x 28 or 32 x 32 grey and 10 classes.

LeCun, Bottou, Bengio, Haffner (1998): Gradient-based learning applied to document recognition, section II.B.
Departures, as usual today: average pooling without trainable coefficients, C3 connected to all maps of S2, plain tanh
instead of 1.7159 tanh(2x/3), and a linear output instead of radial basis functions.
"""

from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from pipeline.models._layers import FullConv2d
from pipeline.models._tiles import Tanh, TiledSequential

INPUTS = ("image",)
CHANNELS_LAST = True
ACTIVATIONS = {"tanh": Tanh, "relu": nn.ReLU}


def build(
    shape: tuple[int, ...],
    outputs: int,
    *,
    activation: Literal["tanh", "relu"] = "tanh",
    width: Annotated[float, Field(gt=0)] = 1.0,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
) -> nn.Module:
    """(N, C, 28, 28), padded to 32 x 32 as in the paper, or (N, C, 32, 32) to logits (N, outputs).

    width: a factor of the paper's maps and units, 6, 16, 120 and 84. dropout: of the last dense layer's inputs.
    """
    channels, *size = shape
    if size not in ([28, 28], [32, 32]):
        raise ValueError(f"lenet5: images of {size[0]} x {size[1]}; it takes 28 x 28 or 32 x 32")
    act = ACTIVATIONS[activation]
    c1, c3, c5, f6 = (max(1, round(count * width)) for count in (6, 16, 120, 84))
    return TiledSequential(
        nn.Conv2d(channels, c1, 5, padding=(32 - size[0]) // 2),
        act(),
        nn.AvgPool2d(2),
        nn.Conv2d(c1, c3, 5),
        act(),
        nn.AvgPool2d(2),
        FullConv2d(c3, c5, 5),
        act(),
        nn.Linear(c5, f6),
        act(),
        *([nn.Dropout(dropout)] if dropout else []),
        nn.Linear(f6, outputs),
    )
