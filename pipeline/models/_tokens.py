"""Tokens as vectors: what networks of texts begin with."""

import torch
from torch import Tensor, nn

from pipeline.data.spec import Vocabulary


class Tokens(nn.Module):
    """Tokens (N, T), padded at their end, looked up to vectors (N, T, D), and which of them are there, bool (N, T).

    deviation: of the vectors' entries at the start; None: D**-0.5, as in Lample et al. (2016). scale: what they are
    multiplied by when they are looked up. dropout: of their entries. Padding is a vector of zeros that never learns.
    A text without any token counts as one token of padding, so that its result is a number.
    """

    def __init__(
        self,
        vocabulary: Vocabulary | None,
        width: int,
        dropout: float = 0.0,
        scale: float = 1.0,
        deviation: float | None = None,
    ) -> None:
        super().__init__()
        if vocabulary is None:
            raise ValueError("a network of tokens needs their `vocabulary`: how many there are, and which is padding")
        self.width, self.scale, self.padding = width, scale, vocabulary.padding
        self.table = nn.Embedding(vocabulary.size, width, padding_idx=vocabulary.padding)
        with torch.no_grad():
            self.table.weight.normal_(std=deviation or width**-0.5)[vocabulary.padding] = 0.0
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        there = x != self.padding
        first = torch.arange(x.shape[1], device=x.device) == 0
        return self.dropout(self.table(x)) * self.scale, there | first
