"""Multilayer perceptron: fully connected layers with one activation between them.

Rumelhart, Hinton, Williams (1986): Learning representations by back-propagating errors. Departure: rectified linear
units by default (Nair & Hinton 2010) and, if asked, dropout after each hidden layer (Srivastava et al. 2014).
"""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field
from torch import nn

INPUTS = ("tabular",)
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU}


def build(
    shape: tuple[int, ...],
    outputs: int,
    *,
    hidden: list[int] = [256],  # noqa: B006 (read as a literal, never changed)
    activation: Literal["relu", "tanh", "sigmoid", "gelu"] = "relu",
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
) -> nn.Module:
    """(N, F) to logits (N, outputs); `shape` is (F,), `hidden` the widths of the hidden layers."""
    layers: list[nn.Module] = []
    for width_in, width in pairwise([*shape, *hidden]):
        layers += [nn.Linear(width_in, width), ACTIVATIONS[activation]()]
        layers += [nn.Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers, nn.Linear([*shape, *hidden][-1], outputs))
