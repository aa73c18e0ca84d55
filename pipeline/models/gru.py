"""Gated recurrent units.

Cho et al. (2014): Learning phrase representations using RNN encoder-decoder for statistical machine translation, in
cuDNN's form, in which the reset gate acts after the recurrent product. Recurrent weights start orthogonal.
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
    pool: Literal["last", "mean", "max"] = "last",
) -> nn.Module:
    """(N, T, F), padded with NaN at the end, to logits or values (N, outputs)."""
    return initialise(Recurrent(nn.GRU, shape[1], outputs, hidden, layers, bidirectional, pool))
