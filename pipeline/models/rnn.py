"""Plain recurrent network, with tanh or rectified units.

Elman (1990): Finding structure in time. Recurrent weights start orthogonal (Saxe et al. 2014); with `relu` from the
identity, as in Le, Jaitly, Hinton (2015): A simple way to initialize recurrent networks of rectified linear units.
"""

from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from pipeline.data.spec import Vocabulary
from pipeline.models._recurrent import Recurrent, initialise, inputs

INPUTS = ("series", "tokens")
REQUIRES = (
    ({"target": ("tags",)}, "it scores every token", {"pool": "none"}),
    ({"pool": ("none",)}, "every token has a tag", {"target": "tags"}),
    ({"last_layer": ("plain",)}, "a Bayesian layer gives one answer an item", {"pool": "none"}),
)


def build(
    shape: tuple[int, ...],
    outputs: int,
    vocabulary: Vocabulary | None = None,
    *,
    hidden: Annotated[int, Field(ge=1)] = 128,
    layers: Annotated[int, Field(ge=1)] = 1,
    bidirectional: bool = False,
    pool: Literal["last", "mean", "max", "none"] = "mean",
    activation: Literal["tanh", "relu"] = "tanh",
    embedding: Annotated[int, Field(ge=1)] = 128,
    embedding_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
) -> nn.Module:
    """(N, T, F), padded with NaN at the end, or tokens (N, T), to logits or values (N, outputs).

    pool: `none` keeps those of every step, (N, T, outputs). embedding: width of the vectors that stand for tokens, and
    embedding_dropout: the share of their entries that training leaves out; series have neither.
    """
    read = inputs(shape, vocabulary, embedding, embedding_dropout)
    network = Recurrent(nn.RNN, read, outputs, hidden, layers, bidirectional, pool, nonlinearity=activation)
    initialise(network)
    if activation == "relu":
        for cell in network.modules():
            if isinstance(cell, nn.RNN):
                nn.init.eye_(cell.get_parameter("weight_hh_l0"))
    return network
