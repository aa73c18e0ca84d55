"""LeNet-5 in its modern form, 61,706 parameters at 28 x 28 or 32 x 32 grey and 10 classes.

LeCun, Bottou, Bengio, Haffner (1998): Gradient-based learning applied to document recognition, section II.B.
Departures, as usual today: average pooling without trainable coefficients, C3 connected to all maps of S2, plain tanh
instead of 1.7159 tanh(2x/3), and a linear output instead of radial basis functions.
"""

from typing import Literal

from torch import nn

from pipeline.models._layers import FullConv2d

INPUTS = ("image",)
CHANNELS_LAST = True
ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU}


def build(shape: tuple[int, ...], outputs: int, *, activation: Literal["tanh", "relu"] = "tanh") -> nn.Module:
    """(N, C, 28, 28), padded to 32 x 32 as in the paper, or (N, C, 32, 32) to logits (N, outputs)."""
    channels, height, width = shape
    if (height, width) not in ((28, 28), (32, 32)):
        raise ValueError(f"lenet5: images of {height} x {width}; it takes 28 x 28 or 32 x 32")
    act = ACTIVATIONS[activation]
    return nn.Sequential(
        nn.Conv2d(channels, 6, 5, padding=(32 - height) // 2),
        act(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        act(),
        nn.AvgPool2d(2),
        FullConv2d(16, 120, 5),
        act(),
        nn.Linear(120, 84),
        act(),
        nn.Linear(84, outputs),
    )
