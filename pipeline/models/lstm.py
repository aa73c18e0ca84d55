"""Long short-term memory.

Hochreiter, Schmidhuber (1997): Long short-term memory, with the forget gate of Gers, Schmidhuber, Cummins (2000), whose
bias starts at 1 as they advise; no peepholes. Recurrent weights start orthogonal.
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
    forget_bias: float = 1.0,
) -> nn.Module:
    """(N, T, F), padded with NaN at the end, to logits or values (N, outputs)."""
    network = Recurrent(nn.LSTM, shape[1], outputs, hidden, layers, bidirectional, pool)
    return initialise(network, forget_bias)
