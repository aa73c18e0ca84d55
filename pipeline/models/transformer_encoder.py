"""Transformer encoder over patches of an image, steps of a series, or tokens.

Vaswani et al. (2017): Attention is all you need, section 3; patches as in Dosovitskiy et al. (2021): An image is worth
16 x 16 words. Departures: layer norm before each part instead of after it (Xiong et al. 2020), GELU, the mean over
positions instead of a class token and, by default, learned positions and no dropout; that of tokens is of their vectors
before positions are added. If asked, stochastic depth (Huang et al. 2016, equation 4) of each part on its own, with
what is kept scaled up in training.
"""

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import StochasticDepth

from pipeline.data.spec import Vocabulary
from pipeline.models._recurrent import pooled, split
from pipeline.models._tokens import Tokens

INPUTS = ("image", "series", "tokens")
REQUIRES = (
    ({"target": ("tags",)}, "it scores every token", {"pool": "none"}),
    ({"pool": ("none",)}, "every token has a tag", {"target": "tags"}),
    ({"last_layer": ("plain",)}, "a Bayesian layer gives one answer an item", {"pool": "none"}),
)


class Layer(nn.Module):
    """Self-attention and a position-wise network, each normalised before and added to its input.

    drop: probability, in training, that an item skips a part.
    """

    def __init__(self, width: int, heads: int, hidden: int, dropout: float, drop: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)
        self.drop: nn.Module = StochasticDepth(drop, "row") if drop else nn.Identity()

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(N, T, D); mask: bool (N, 1, 1, T), true where there is something to attend to."""
        x = x + self.drop(self.dropout(self.out(self.attend(self.norm1(x), mask))))
        return x + self.drop(self.dropout(self.down(functional.gelu(self.up(self.norm2(x))))))

    def attend(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Scaled dot-product attention of `heads` heads (section 3.2)."""
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)


class Encoder(nn.Module):
    """Embedding, positions, layers, mean over what is there (pool `none`: all of it), head."""

    def __init__(
        self,
        embedding: nn.Module,
        positions: nn.Module,
        layers: list[Layer],
        width: int,
        outputs: int,
        pool: str = "mean",
    ) -> None:
        super().__init__()
        self.pool = pool
        self.embedding, self.positions, self.layers = embedding, positions, nn.ModuleList(layers)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x, there = self.embedding(x)
        x = self.encode(self.positions(x), there)
        if there is None and self.pool == "mean":
            return self.head(x.mean(1))
        return self.head(pooled(x, there, self.pool))

    def encode(self, x: Tensor, there: Tensor | None = None) -> Tensor:
        """Tokens with their positions (N, T, D), any of an item's, through all layers; there: bool (N, T)."""
        mask = None if there is None else there[:, None, None, :]
        for layer in self.layers:
            x = layer(x, mask)
        return self.norm(x)


class Patches(nn.Module):
    """An image cut into squares, each mapped to (N, T, D); all of them are there."""

    def __init__(self, channels: int, patch: int, width: int) -> None:
        super().__init__()
        self.patch, self.project = patch, nn.Linear(channels * patch * patch, width)

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        return self.project(self.cut(x)), None

    def cut(self, x: Tensor) -> Tensor:
        """Pixels of the squares, (N, T, P)."""
        return functional.unfold(x, self.patch, stride=self.patch).transpose(1, 2)


class Steps(nn.Module):
    """A series (N, T, F), padded with NaN, each step mapped to (N, T, D)."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(features, width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x, there = split(x)
        return self.project(x), there


class Learned(nn.Module):
    """A trained vector for each position."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(length, width).normal_(std=0.02))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table[: x.shape[1]]


class Sinusoidal(nn.Module):
    """Section 3.5: sines and cosines of wavelengths from 2 pi to 10,000 times 2 pi."""

    table: Tensor

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        angles = torch.arange(length)[:, None] * 10_000 ** (-torch.arange(0, width, 2) / width)
        table = torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :width]
        self.register_buffer("table", table, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table[: x.shape[1]]


def build(
    shape: tuple[int, ...],
    outputs: int,
    vocabulary: Vocabulary | None = None,
    *,
    width: Annotated[int, Field(ge=1)] = 64,
    layers: Annotated[int, Field(ge=1)] = 4,
    heads: Annotated[int, Field(ge=1)] = 4,
    hidden: Annotated[int, Field(ge=1)] = 256,
    positions: Literal["learned", "sinusoidal"] = "learned",
    patch: Annotated[int, Field(ge=1)] = 7,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    stochastic_depth: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    pool: Literal["mean", "none"] = "mean",
) -> nn.Module:
    """Images (N, C, H, W), series (N, T, F) or tokens (N, T) to logits or values (N, outputs).

    patch: side of an image's squares. dropout: of each part's output and of the vectors that stand for tokens.
    stochastic_depth: probability that a part of the last layer is skipped; that of others rises to it by equal steps.
    pool: `none` keeps the outputs of every position, (N, T, outputs).
    """
    if width % heads:
        raise ValueError(f"transformer_encoder: width {width} is no multiple of {heads} heads")
    embedding: nn.Module
    if len(shape) == 3:
        channels, *sides = shape
        if any(side % patch for side in sides):
            raise ValueError(
                f"transformer_encoder: images of {sides[0]} x {sides[1]} can't be cut into patches of {patch}"
            )
        embedding, length = Patches(channels, patch, width), (sides[0] // patch) * (sides[1] // patch)
    elif len(shape) == 2:
        embedding, length = Steps(shape[1], width), shape[0]
    else:
        embedding, length = Tokens(vocabulary, width, dropout, scale=math.sqrt(width)), shape[0]
    places = Learned(length, width) if positions == "learned" else Sinusoidal(length, width)
    drops = [stochastic_depth * (number + 1) / layers for number in range(layers)]
    return Encoder(embedding, places, [Layer(width, heads, hidden, dropout, d) for d in drops], width, outputs, pool)
