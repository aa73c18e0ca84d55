"""The Transformer with encoder and decoder; 63,082,496 parameters with a vocabulary of 37,000.

Vaswani et al. (2017): Attention is all you need, section 3; the defaults are its base model, which table 3 counts as
65 million. If asked, layer norm stands before each part instead of after it, and once more after the last layer (Xiong
et al. 2020). Departures: none in the network.
"""

import math
from collections.abc import Callable
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from pipeline.data.spec import Vocabulary
from pipeline.models._decoding import LONGER, Writer
from pipeline.models._layers import require_vocabulary
from pipeline.models.transformer_encoder import Sinusoidal

INPUTS = ("tokens",)
REQUIRES = (({"target": ("sentence",)}, "it writes sentences"),)


class Attention(nn.Module):
    """Scaled dot products of `heads` heads side by side (section 3.2.2).

    mask: 0 or -inf, added to scores (N, H, T, S); None where a position of x sees itself and earlier ones.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.memory, self.out = (nn.Linear(width, size) for size in (width, 2 * width, width))

    def remember(self, x: Tensor) -> Tensor:
        """(N, S, D) to keys and values (2, N, H, S, D / H)."""
        return self.memory(x).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)

    def forward(self, x: Tensor, remembered: Tensor, mask: Tensor | None = None) -> Tensor:
        """(N, T, D) to (N, T, D)."""
        queries, (keys, values) = self.query(x).unflatten(2, (self.heads, -1)).transpose(1, 2), remembered
        seen = functional.scaled_dot_product_attention(queries, keys, values, mask, is_causal=mask is None)
        return self.out(seen.transpose(1, 2).flatten(2))


class Residual(nn.Module):
    """What a part makes of x, added to x (section 3.1); first: whether x is normalised before, instead of the sum."""

    def __init__(self, width: int, dropout: float, first: bool) -> None:
        super().__init__()
        self.norm, self.dropout, self.first = nn.LayerNorm(width), nn.Dropout(dropout), first

    def forward(self, x: Tensor, part: Callable[[Tensor], Tensor]) -> Tensor:
        if self.first:
            return x + self.dropout(part(self.norm(x)))
        return self.norm(x + self.dropout(part(x)))


class Layer(nn.Module):
    """Self-attention and a position-wise network, of a decoder with attention to the source in between."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float, first: bool, decoder: bool) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.cross = Attention(width, heads) if decoder else None
        self.network = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))
        self.residuals = nn.ModuleList(Residual(width, dropout, first) for _ in range(2 + decoder))

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        source: Tensor | None = None,
        source_mask: Tensor | None = None,
        past: Tensor | None = None,
    ) -> Tensor:
        """(N, T, D); masks as `Attention` has them, of self-attention and of that to the source.

        source: of a decoder, what `cross` remembers of it. past: what was remembered of all tokens so far, (2, N, H, L,
        T, D / H), where x (N, T, D) are the newest, of T beams; its last place is written.
        """
        x = self.residuals[0](x, lambda x: self.attend(x, mask, past))
        if self.cross is not None:
            x = self.residuals[1](x, lambda x: self.cross(x, source, source_mask))
        return self.residuals[-1](x, self.network)

    def attend(self, x: Tensor, mask: Tensor | None, past: Tensor | None) -> Tensor:
        remembered = self.attention.remember(x)
        if past is not None:
            past[:, :, :, -1] = remembered
            remembered = past.flatten(3, 4)
        return self.attention(x, remembered, mask)


class Cache:
    """What was remembered of N sentences, B beams each.

    Nothing of it moves when beams are chosen: a beam attends to what all beams of its sentence have written, through a
    mask that leaves its own history.

    source, past: of each decoder layer (2, N, H, S, d) and (2, N, H, L, B, d), of which `length` of L are written.
    source_mask: (N, 1, 1, S). mask: of the past, (N, B, L, B).
    """

    def __init__(self, source: list[Tensor], source_mask: Tensor, beams: int, longest: int) -> None:
        _, count, heads, _, size = source[0].shape
        self.source, self.source_mask, self.length = source, source_mask, 0
        self.past = [s.new_empty(2, count, heads, longest, beams, size) for s in source]
        own = source_mask.new_full((beams, beams), -torch.inf).fill_diagonal_(0.0)
        self.mask = own[:, None].repeat(count, 1, longest, 1)

    def follow(self, parents: Tensor) -> None:
        """See `pipeline.models._decoding.State`."""
        mask = self.mask[:, :, : self.length]
        mask.copy_(mask.gather(1, parents[:, :, None, None].expand(-1, -1, *mask.shape[2:])))

    def keep(self, sentences: Tensor) -> None:
        self.source, self.past = ([x[:, sentences] for x in kept] for kept in (self.source, self.past))
        self.source_mask, self.mask = self.source_mask[sentences], self.mask[sentences]


class Transformer(Writer):
    """One table of tokens for source, target and output (section 3.4)."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        longest: int,
        width: int,
        dropout: float,
        encoder: list[Layer],
        decoder: list[Layer],
    ) -> None:
        super().__init__()
        self.padding = vocabulary.padding
        self.embedding, self.scale = nn.Embedding(vocabulary.size, width), math.sqrt(width)
        self.positions, self.dropout = Sinusoidal(longest, width), nn.Dropout(dropout)
        self.encoder, self.decoder = nn.ModuleList(encoder), nn.ModuleList(decoder)
        first = encoder[0].residuals[0].first
        self.norms = nn.ModuleList(nn.LayerNorm(width) if first else nn.Identity() for _ in range(2))
        self.initialise()

    def initialise(self) -> None:
        """Xavier, of queries, keys and values each on its own; tokens so that scaled they have a variance of 1."""
        for part in reversed(list(self.modules())):  # an attention after its parts
            if isinstance(part, nn.Linear):
                nn.init.zeros_(part.bias)
                nn.init.xavier_uniform_(part.weight)
            if isinstance(part, Attention):
                for weight in part.memory.weight.data.chunk(2):
                    nn.init.xavier_uniform_(weight)
        nn.init.normal_(self.embedding.weight, std=1 / self.scale)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Tokens (N, S), padded, and (N, T), BOS first, to logits of the token after each (N, T, V)."""
        return self.logits(self.decode(target, self.encode(source)))

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """(N, S) to states (N, S, D) and the mask of attention to them, (N, 1, 1, S)."""
        x = self.embed(source, 0)
        mask = torch.zeros_like(source, dtype=x.dtype).masked_fill(source == self.padding, -torch.inf)[:, None, None]
        for layer in self.encoder:
            x = layer(x, mask)
        return self.norms[0](x), mask

    def decode(self, target: Tensor, memory: tuple[Tensor, Tensor]) -> Tensor:
        """(N, T) to states of the last layer (N, T, D)."""
        states, mask = memory
        x = self.embed(target, 0)
        for layer, remembered in zip(self.decoder, self.remembered(states), strict=True):
            x = layer(x, None, remembered, mask)
        return x

    def remembered(self, states: Tensor) -> list[Tensor]:
        """Keys and values of the source, of each decoder layer."""
        return [layer.cross.remember(states) for layer in self.decoder]  # type: ignore[union-attr, operator]

    def begin(self, memory: tuple[Tensor, Tensor], beams: int, longest: int) -> Cache:
        """See `pipeline.models._decoding.Translator`; nothing of the source is copied for each beam."""
        states, mask = memory
        return Cache([x.contiguous() for x in self.remembered(states)], mask, beams, longest)

    def step(self, tokens: Tensor, cache: Cache) -> Tensor:
        """The newest token of each beam (N, B) to logits of the next (N, B, V), without gradients."""
        x = self.embed(tokens[:, :, None], cache.length)[:, :, 0]
        cache.length += 1
        mask = cache.mask[:, :, : cache.length].flatten(2)[:, None]
        for layer, source, past in zip(self.decoder, cache.source, cache.past, strict=True):
            x = layer(x, mask, source, cache.source_mask, past[:, :, :, : cache.length])
        return self.logits(x)

    def embed(self, tokens: Tensor, start: int) -> Tensor:
        """(..., T) at positions from `start` on, to (..., T, D)."""
        stop = start + tokens.shape[-1]
        if stop > len(self.positions.table):
            raise ValueError(f"transformer: {stop} tokens, but it is built for {len(self.positions.table)} at most")
        return self.dropout(self.embedding(tokens) * self.scale + self.positions.table[start:stop])

    def logits(self, x: Tensor) -> Tensor:
        return functional.linear(self.norms[1](x), self.embedding.weight)


def build(
    shape: tuple[int, ...],
    outputs: int,
    vocabulary: Vocabulary | None = None,
    *,
    width: Annotated[int, Field(ge=1)] = 512,
    layers: Annotated[int, Field(ge=1)] = 6,
    heads: Annotated[int, Field(ge=1)] = 8,
    hidden: Annotated[int, Field(ge=1)] = 2048,
    norm: Literal["post", "pre"] = "post",
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    beams: Annotated[int, Field(ge=1)] = 4,
    alpha: Annotated[float, Field(ge=0)] = 0.6,
) -> nn.Module:
    """Source (N, S) and target (N, T), S at most shape[0], T at most 50 more, to logits (N, T, outputs).

    layers: of the encoder, and of the decoder. hidden: of position-wise networks. norm: after each part or before it.
    beams, alpha: how a translation is searched for, by how many hypotheses side by side (1 is greedy) and with which
    penalty of their length (section 6.1), see `pipeline.models._decoding`.
    """
    vocabulary = require_vocabulary("transformer", outputs, vocabulary)
    if width % heads:
        raise ValueError(f"transformer: width {width} is no multiple of {heads} heads")
    encoder, decoder = (
        [Layer(width, heads, hidden, dropout, norm == "pre", decoder) for _ in range(layers)]
        for decoder in (False, True)
    )
    network = Transformer(vocabulary, shape[0] + LONGER, width, dropout, encoder, decoder)
    return network.searching(beams=beams, alpha=alpha)
