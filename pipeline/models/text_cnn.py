"""Convolutions over the words of a text, of several widths, and the largest value of each map over the text.

Kim (2014): Convolutional neural networks for sentence classification, section 2, in its form CNN-rand: vectors of words
start at random and learn. As in his code, vectors of zeros stand on both sides of a text, so that it may be shorter
than a filter. Departures: every filter sees as many zeros as it can reach, and windows of zeros alone are left out, so
that padding changes no result; vectors start normal, with the variance of his uniform [-0.25, 0.25]; his limit of 3 on
norms of the last layer's weights is the recipe's `max_norm`, which is that of the filters as well.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.data.spec import Vocabulary
from pipeline.models._tokens import Tokens

INPUTS = ("tokens",)
REQUIRES = (({"target": ("class", "number")}, "it scores whole texts"),)
DEVIATION = 0.25 / 3**0.5  # of the uniform distribution over [-0.25, 0.25]


class TextCNN(nn.Module):
    """Tokens (N, T) to (N, outputs). maps: of each of the `widths`."""

    def __init__(self, embedding: Tokens, widths: list[int], maps: int, dropout: float, outputs: int) -> None:
        super().__init__()
        self.embedding = embedding
        self.filters = nn.ModuleList(nn.Conv1d(embedding.width, maps, width, padding=width - 1) for width in widths)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(maps * len(widths), outputs)

    def forward(self, x: Tensor) -> Tensor:
        x, there = self.embedding(x)
        x, lengths = x.transpose(1, 2), there.sum(1)[:, None, None]
        largest = []
        for filters in self.filters:
            maps = filters(x)  # (N, maps, T + width - 1); the last window of a text starts at its last token
            windows = torch.arange(maps.shape[2], device=x.device) < lengths + (maps.shape[2] - x.shape[2])
            largest.append(torch.where(windows, maps, 0.0).amax(2))  # what is below 0 ends as 0
        return self.head(self.dropout(torch.cat(largest, dim=1).relu()))  # type: ignore[no-any-return]


def build(
    shape: tuple[int, ...],
    outputs: int,
    vocabulary: Vocabulary | None = None,
    *,
    widths: list[Annotated[int, Field(ge=1)]] = [3, 4, 5],  # noqa: B006 (read as a literal, never changed)
    maps: Annotated[int, Field(ge=1)] = 100,
    embedding: Annotated[int, Field(ge=1)] = 300,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
) -> nn.Module:
    """Tokens (N, T) to logits or values (N, outputs).

    widths: of the filters, in tokens, with `maps` filters of each. dropout: before the last layer.
    """
    if not widths:
        raise ValueError("text_cnn: `widths` is empty; it needs at least one width of filters, such as [3, 4, 5]")
    return TextCNN(Tokens(vocabulary, embedding, deviation=DEVIATION), widths, maps, dropout, outputs)
