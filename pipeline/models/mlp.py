"""Multilayer perceptron: fully connected layers with one activation between them.

Rumelhart, Hinton, Williams (1986): Learning representations by back-propagating errors. Departures: rectified linear
units by default (Nair & Hinton 2010) and, if asked, batch norm before each activation (Ioffe & Szegedy 2015) and
dropout after it (Srivastava et al. 2014).
"""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from pipeline.models._layers import ACTIVATIONS

INPUTS = ("tabular",)
REQUIRES = (
    ({"target": ("class",)}, "that head decides between two classes", {"head": "sigmoid"}),
    ({"last_layer": ("plain",)}, "that head's one unit can't be made Bayesian", {"head": "sigmoid"}),
)


class Sigmoid(nn.Linear):
    """One output z as the two logits (0, z): their softmax is sigmoid(z), their cross-entropy the binary one of z."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(super().forward(x), (1, 0))


class Shortcut(nn.Sequential):
    """Layers, and their input added to their output."""

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)  # type: ignore[no-any-return]


def build(
    shape: tuple[int, ...],
    outputs: int,
    *,
    hidden: list[Annotated[int, Field(ge=1)]] = [256],  # noqa: B006 (read as a literal, never changed)
    activation: Literal["identity", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "sigmoid"] = "relu",
    batch_norm: bool = False,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    residual: bool = False,
    head: Literal["linear", "sigmoid"] = "linear",
) -> nn.Module:
    """(N, F) to logits or values (N, outputs); `shape` is (F,), `hidden` the widths of the hidden layers.

    residual: a shortcut around each hidden layer that is as wide as the one before it (He et al. 2016).
    head: `sigmoid` has one output unit for two classes (a logistic one, trained by binary cross-entropy).
    """
    if head == "sigmoid" and outputs != 2:
        raise ValueError(f"mlp: head 'sigmoid' decides between 2 classes, not {outputs}; use head 'linear'")
    layers: list[nn.Module] = []
    for width_in, width in pairwise([*shape, *hidden]):
        layer: list[nn.Module] = [nn.Linear(width_in, width)]
        layer += [nn.BatchNorm1d(width)] if batch_norm else []
        layer += [ACTIVATIONS[activation]()]
        layer += [nn.Dropout(dropout)] if dropout else []
        layers += [Shortcut(*layer)] if residual and width_in == width else layer
    last = [*shape, *hidden][-1]
    layers += [Sigmoid(last, 1) if head == "sigmoid" else nn.Linear(last, outputs)]
    return nn.Sequential(*layers)
