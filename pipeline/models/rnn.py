"""Plain recurrent network, with tanh or rectified units.

Elman (1990): Finding structure in time. Recurrent weights start orthogonal (Saxe et al. 2014); with `relu` from the
identity, as in Le, Jaitly, Hinton (2015): A simple way to initialize recurrent networks of rectified linear units.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from pipeline.data.spec import Vocabulary
from pipeline.models._layers import scan
from pipeline.models._recurrent import Recurrent, initialise, inputs

INPUTS = ("series", "tokens")
REQUIRES = (
    ({"target": ("tags",)}, "it scores every token", {"pool": "none"}),
    ({"pool": ("none",)}, "every token has a tag", {"target": "tags"}),
    ({"last_layer": ("plain",)}, "a Bayesian layer gives one answer an item", {"pool": "none"}),
)


class Elman(nn.RNN):
    """torch's layer, which is exported for inputs of one length T alone, as steps of any number where T is open."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:  # type: ignore[override]
        if not torch.compiler.is_exporting() or isinstance(x.shape[1], int):
            return super().forward(x)  # type: ignore[no-any-return]
        w_input, w_hidden, b_input, b_hidden = self.all_weights[0]
        squash = torch.tanh if self.nonlinearity == "tanh" else torch.relu

        def step(state: Tensor, now: tuple[Tensor]) -> tuple[Tensor, Tensor]:
            state = squash(now[0] + functional.linear(state, w_hidden))
            return state, state.clone()

        start = x.new_zeros(x.shape[0], self.hidden_size)
        return scan(step, start, (functional.linear(x, w_input, b_input + b_hidden),)), None


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
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    embedding: Annotated[int, Field(ge=1)] = 128,
    embedding_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
) -> nn.Module:
    """(N, T, F), padded with NaN at the end, or tokens (N, T), to logits or values (N, outputs).

    pool: `none` keeps those of every step, (N, T, outputs). embedding: width of the vectors that stand for tokens, and
    embedding_dropout: the share of their entries that training leaves out; series have neither.
    dropout: of the states between layers and of the head's inputs.
    """
    first = inputs(shape, vocabulary, embedding, embedding_dropout)
    network = Recurrent(Elman, first, outputs, hidden, layers, bidirectional, pool, dropout, nonlinearity=activation)
    initialise(network)
    if activation == "relu":
        for cell in network.modules():
            if isinstance(cell, nn.RNN):
                nn.init.eye_(cell.get_parameter("weight_hh_l0"))
    return network
