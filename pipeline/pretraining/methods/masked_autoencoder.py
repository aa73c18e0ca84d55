"""Masked autoencoder: what most of an image was, from the few patches that are left of it.

He, Chen, Xie, Li, Dollar, Girshick (2022): Masked autoencoders are scalable vision learners, section 3. The encoder
sees the visible patches only; a narrow decoder, thrown away afterwards, is given theirs and a mask token for each of
the others, all with positions, and predicts pixels. The loss is of masked patches alone, each normalised by its own
mean and deviation. Departure: no class token, since the encoder here takes the mean over its tokens.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.models.transformer_encoder import Encoder, Layer, Patches, Sinusoidal
from pipeline.pretraining.methods._scores import MeanScore

MODELS = ("models/transformer_encoder",)
HEADS = 4  # of the decoder
JUDGE = MeanScore("masked_r2")  # 1 minus the squared error of an item's masked patches over their own squares


class MaskedAutoencoder(nn.Module):
    """masked: share of the patches, at least one and not all. `training_loss` ignores the labels that it is given."""

    def __init__(self, encoder: Encoder, width: int, length: int, masked: float, narrow: int, layers: int) -> None:
        super().__init__()
        assert isinstance(encoder.embedding, Patches)
        self.encoder, self.patches = encoder, encoder.embedding
        if length < 2:
            raise ValueError("the image is one patch: nothing is left to see where it is masked; set a smaller patch")
        self.kept = min(max(1, round(length * (1 - masked))), length - 1)
        self.embed, self.mask = nn.Linear(width, narrow), nn.Parameter(torch.empty(narrow).normal_(std=0.02))
        self.positions = Sinusoidal(length, narrow)
        self.layers = nn.ModuleList(Layer(narrow, HEADS, 4 * narrow, 0.0) for _ in range(layers))
        self.norm, self.pixels = nn.LayerNorm(narrow), nn.Linear(narrow, self.patches.project.in_features)

    def training_loss(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """(mean squared error of masked patches, R2 (N,) of each item's)."""
        target = normalised(self.patches.cut(x))
        order = torch.rand(target.shape[:2], device=x.device).argsort(1)
        hidden = order[:, self.kept :]
        predicted = taken(self.decode(self.encode(x, order), order), hidden)
        target = taken(target, hidden)
        errors = (predicted - target).square()
        spread = target.square().sum((1, 2)).clamp_min(1.0)  # nothing but background is masked of a few items
        return errors.mean(), 1 - errors.detach().sum((1, 2)) / spread

    def encode(self, x: Tensor, order: Tensor) -> Tensor:
        """The encoder's tokens (N, kept, D) of the patches that come first in `order` (N, T)."""
        tokens, _ = self.patches(x)
        return self.encoder.encode(taken(self.encoder.positions(tokens), order[:, : self.kept]))

    def decode(self, seen: Tensor, order: Tensor) -> Tensor:
        """Pixels (N, T, P) of all patches, in their places."""
        masks = self.mask.expand(len(seen), order.shape[1] - self.kept, -1)
        tokens = taken(torch.cat([self.embed(seen), masks], dim=1), order.argsort(1))
        tokens = self.positions(tokens)
        for layer in self.layers:
            tokens = layer(tokens, None)
        predicted: Tensor = self.pixels(self.norm(tokens))
        return predicted


def wrap(
    encoder: nn.Module,
    width: int,
    shape: tuple[int, ...],
    *,
    masked: Annotated[float, Field(gt=0, lt=1)] = 0.75,
    narrow: Annotated[int, Field(ge=4, multiple_of=4)] = 32,
    layers: Annotated[int, Field(ge=1)] = 1,
) -> nn.Module:
    """What trains `encoder` by its own loss. narrow, layers: of the decoder."""
    assert isinstance(encoder, Encoder) and isinstance(encoder.embedding, Patches)
    length = (shape[1] // encoder.embedding.patch) * (shape[2] // encoder.embedding.patch)
    return MaskedAutoencoder(encoder, width, length, masked, narrow, layers)


def taken(x: Tensor, places: Tensor) -> Tensor:
    """(N, T, D) at places (N, S): (N, S, D)."""
    return torch.take_along_dim(x, places.unsqueeze(2), dim=1)


def normalised(patches: Tensor) -> Tensor:
    """Each patch of (N, T, P) to mean 0 and deviation 1; one of a single colour to 0."""
    centred = patches - patches.mean(2, keepdim=True)
    return centred / (patches.var(2, keepdim=True) + 1e-6).sqrt()
