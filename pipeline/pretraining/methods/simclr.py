"""SimCLR: representations in which two random views of an image are alike and those of different images are not.

Chen, Kornblith, Norouzi, Hinton (2020): A simple framework for contrastive learning of visual representations. The loss
is NT-Xent (equation 1) on a projection of two layers (section 4.2), which is thrown away afterwards.

A view is a crop of at least `crop` of the area, resized, flipped by a coin, with another brightness and contrast: drawn
for each item, computed for the whole batch on its device (torchvision's transforms draw once for a batch). No blur and
no hue: images here are small and mostly grey. lightly has these parts too, but would bring hydra and others into the
lock for some twenty lines.
"""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from pipeline.pretraining.methods._scores import MeanScore

JUDGE = MeanScore("contrastive_accuracy")  # share of views that are most like the other view of their own image
RATIO = math.log(4 / 3)  # of the crop's sides, as in the paper's code
JITTER = 0.4  # of brightness, in deviations of the data, and of contrast


class SimCLR(nn.Module):
    """encoder: images (N, C, H, W) to (N, D). `training_loss` ignores the labels that it is given."""

    compares = True  # each item with all others of its batch, which is never split

    def __init__(self, encoder: nn.Module, width: int, projection: int, temperature: float, crop: float) -> None:
        super().__init__()
        self.encoder, self.temperature, self.crop = encoder, temperature, crop
        self.project = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, projection))

    def training_loss(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """(loss, share (N,) of an item's two views that find each other)."""
        z = self.project(self.encoder(torch.cat([view(x, self.crop), view(x, self.crop)])))
        loss, found = nt_xent(z, self.temperature)
        return loss, found.view(2, -1).float().mean(0)


def wrap(
    encoder: nn.Module,
    width: int,
    shape: tuple[int, ...],
    *,
    projection: Annotated[int, Field(ge=1)] = 64,
    temperature: Annotated[float, Field(gt=0)] = 0.2,
    crop: Annotated[float, Field(gt=0, le=1)] = 0.4,
) -> nn.Module:
    """What trains `encoder`, (N, *shape) to (N, width), by its own loss."""
    return SimCLR(encoder, width, projection, temperature, crop)


def nt_xent(z: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """(equation 1, the mean over the rows of z; whether each row is nearest its partner, (2N,)).

    z: (2N, D), whose rows k and N + k are two views of one image.
    """
    z = functional.normalize(z, dim=1)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    similarity = (z @ z.T / temperature).masked_fill(itself, -math.inf)
    partner = torch.arange(len(z), device=z.device).roll(len(z) // 2)
    return functional.cross_entropy(similarity, partner), similarity.argmax(1) == partner


def view(x: Tensor, crop: float) -> Tensor:
    """A random view of each of (N, C, H, W), of the same shape."""

    def drawn(low: float, high: float) -> Tensor:
        return torch.empty(len(x), device=x.device).uniform_(low, high)

    area, ratio = drawn(crop, 1.0), drawn(-RATIO, RATIO).exp()
    width, height = (area * ratio).sqrt().clamp(max=1.0), (area / ratio).sqrt().clamp(max=1.0)
    places = torch.zeros(len(x), 2, 3, device=x.device)
    places[:, 0, 0], places[:, 0, 2] = width * drawn(-1.0, 1.0).sign(), (1 - width) * drawn(-1.0, 1.0)
    places[:, 1, 1], places[:, 1, 2] = height, (1 - height) * drawn(-1.0, 1.0)
    grid = functional.affine_grid(places, list(x.shape), align_corners=False)
    x = functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    contrast, brightness = (drawn(m - JITTER, m + JITTER).view(-1, 1, 1, 1) for m in (1.0, 0.0))
    mean = x.mean((1, 2, 3), keepdim=True)
    return (x - mean) * contrast + mean + brightness
