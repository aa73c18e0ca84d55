"""Plain recurrent network, with tanh or rectified units.

Elman (1990): Finding structure in time. Recurrent weights start orthogonal (Saxe et al. 2014); with `relu` from the
identity, as in Le, Jaitly, Hinton (2015): A simple way to initialize recurrent networks of rectified linear units.
"""

from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from pipeline.models._recurrent import Recurrent, initialise

INPUTS = ("series",)


def build(
    shape: tuple[int, ...],
    outputs: int,
    *,
    hidden: Annotated[int, Field(ge=1)] = 128,
    layers: Annotated[int, Field(ge=1)] = 1,
    bidirectional: bool = False,
    pool: Literal["last", "mean", "max"] = "mean",
    activation: Literal["tanh", "relu"] = "tanh",
) -> nn.Module:
    """(N, T, F), padded with NaN at the end, to logits or values (N, outputs)."""
    network = Recurrent(nn.RNN, shape[1], outputs, hidden, layers, bidirectional, pool, nonlinearity=activation)
    initialise(network)
    if activation == "relu":
        for cell in network.modules():
            if isinstance(cell, nn.RNN):
                nn.init.eye_(cell.get_parameter("weight_hh_l0"))
    return network
