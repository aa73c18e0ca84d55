"""Gated recurrent units.

Cho et al. (2014): Learning phrase representations using RNN encoder-decoder for statistical machine translation, in
cuDNN's form, in which the reset gate acts after the recurrent product. Recurrent weights start orthogonal.
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
    pool: Literal["last", "mean", "max", "none"] = "last",
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
    return initialise(Recurrent(nn.GRU, first, outputs, hidden, layers, bidirectional, pool, dropout))
