"""Recurrent networks over series or texts of any lengths: what plain, LSTM and GRU share.

A series that is shorter than the longest of its data set is padded with NaN at its end. Padding changes no result: a
forward layer has passed it only after the last step that counts, and a backward layer is given each series turned
around within its own length (Graves & Schmidhuber 2005 for both directions). That is what torch's packed sequences
compute, in a form that also exports to ONNX.

Dropout is of what a layer gives to the next and of what the head gets, never of what a layer gives to its own next
step (Zaremba, Sutskever, Vinyals 2014: Recurrent neural network regularization); the vectors of tokens have their own.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.data.spec import Vocabulary
from pipeline.models._tokens import Tokens


class Layer(nn.Module):
    """One layer in one direction or in both, (N, T, F) to (N, T, directions * H)."""

    def __init__(self, cell: Any, inputs: int, hidden: int, directions: int, options: dict[str, Any]) -> None:
        super().__init__()
        self.ways = nn.ModuleList(cell(inputs, hidden, batch_first=True, **options) for _ in range(directions))

    def forward(self, x: Tensor, turned: Tensor) -> Tensor:
        """turned: (N, T), the step that stands at each place when a series is turned around within its length."""
        states = [self.ways[0](x)[0]]
        if len(self.ways) == 2:
            states.append(_take(self.ways[1](_take(x, turned))[0], turned))
        return torch.cat(states, dim=2)


class Recurrent(nn.Module):
    """(N, T, F) with NaN where a series has ended, or tokens (N, T), to (N, outputs).

    cell: nn.RNN, nn.LSTM or nn.GRU; options: more of its arguments. inputs: what `inputs` gives. pool: `last` is the
    state after the last step (of a backward layer, after the first), `mean` and `max` are over the steps of the last
    layer, and `none` keeps them all, (N, T, outputs). dropout: of the states between layers and of the head's inputs.
    """

    def __init__(
        self,
        cell: Any,
        inputs: int | Tokens,
        outputs: int,
        hidden: int,
        layers: int,
        bidirectional: bool,
        pool: str,
        dropout: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__()
        self.pool, self.directions = pool, 1 + bidirectional
        width = self.directions * hidden
        self.embedding: Callable[[Tensor], tuple[Tensor, Tensor]] = inputs if isinstance(inputs, Tokens) else split
        sizes = [inputs.width if isinstance(inputs, Tokens) else inputs] + [width] * (layers - 1)
        self.layers = nn.ModuleList(Layer(cell, size, hidden, self.directions, options) for size in sizes)
        self.dropout, self.head = nn.Dropout(dropout), nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.scored(x)[0]

    def scored(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores, and which steps are there, bool (N, T)."""
        x, there = self.embedding(x)
        steps = torch.arange(x.shape[1], device=x.device)
        turned = (there.sum(1, keepdim=True) - 1 - steps).clamp_min(0)
        for above, layer in enumerate(self.layers):
            x = layer(self.dropout(x) if above else x, turned)
        return self.head(self.dropout(pooled(x, there, self.pool, self.directions))), there


def inputs(shape: tuple[int, ...], vocabulary: Vocabulary | None, width: int, dropout: float) -> int | Tokens:
    """What a network reads: F numbers a step of a series (T, F), or tokens (T,) as vectors of `width`."""
    return shape[1] if len(shape) == 2 else Tokens(vocabulary, width, dropout)


def split(x: Tensor) -> tuple[Tensor, Tensor]:
    """A padded series (N, T, F) as values without NaN, and which steps are there, bool (N, T)."""
    there = ~x[:, :, 0].isnan()
    return torch.where(there.unsqueeze(2), x, 0.0), there


def pooled(x: Tensor, there: Tensor, how: str, directions: int = 1) -> Tensor:
    """(N, T, D) over the steps that are there, to (N, D); `none` leaves it as it is."""
    if how == "none":
        return x
    mask = there.unsqueeze(2)
    if how == "mean":
        return torch.where(mask, x, 0.0).sum(1) / mask.sum(1)
    if how == "max":
        return torch.where(mask, x, -torch.inf).amax(1)
    forward, *backward = x.chunk(directions, dim=2)
    last = _take(forward, (there.sum(1) - 1).clamp_min(0)[:, None])[:, 0]
    return torch.cat([last, *(b[:, 0] for b in backward)], dim=1)


def _take(x: Tensor, steps: Tensor) -> Tensor:
    """x[n, steps[n, t]] of (N, T, D) and (N, S), (N, S, D)."""
    return x.gather(1, steps.unsqueeze(2).expand(-1, -1, x.shape[2]))


def initialise(network: nn.Module, forget_bias: float | None = None) -> nn.Module:
    """Input weights Xavier, recurrent ones orthogonal (Saxe et al. 2014), biases 0 but the forget gate's.

    Each gate's block of a matrix starts on its own.
    """
    for cell in network.modules():
        if not isinstance(cell, nn.RNNBase):
            continue
        for name, parameter in cell.named_parameters():
            if "bias" in name:
                nn.init.zeros_(parameter)
                continue
            for gate in parameter.data.split(cell.hidden_size):
                (nn.init.orthogonal_ if "weight_hh" in name else nn.init.xavier_uniform_)(gate)
        if forget_bias is not None:
            cell.get_parameter("bias_ih_l0").data[cell.hidden_size : 2 * cell.hidden_size] = forget_bias
    return network
