"""Mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019): a batch is mixed with a permutation of itself.

A training loss is `share` times that of an item's own label plus 1 - `share` times that of its partner's, which for
cross-entropy is the loss of the mixed label. One share and one box a batch, as in both papers' code.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor


@dataclass(frozen=True)
class Mix:
    """partners: int64 (N,), whom each item is mixed with. share: of an item in its own mixture. box: top, left, bottom
    and right of what is taken from the partner; None mixes all values."""

    partners: Tensor
    share: float
    box: tuple[int, int, int, int] | None = None


def draw(
    count: int, generator: Generator, *, mixup: float = 0.0, cutmix: float = 0.0, shape: tuple[int, ...] = ()
) -> Mix:
    """For a batch of `count` items, from a generator of the CPU.

    mixup, cutmix: alpha of the share's Beta(alpha, alpha), 0.0 for none of it; with both a coin decides. shape: of an
    image (C, H, W), for cutmix. ValueError where both are 0.0.
    """
    if not mixup and not cutmix:
        raise ValueError("mixup and cutmix are both 0.0: there is nothing to draw; give one of them an alpha")
    partners = torch.randperm(count, generator=generator)
    # torch's own Beta takes no generator.
    rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    cuts = rng.random() < 0.5 if mixup and cutmix else bool(cutmix)
    alpha = cutmix if cuts else mixup
    share = float(rng.beta(alpha, alpha))
    if not cuts:
        return Mix(partners, share)
    _, height, width = shape
    top, left, bottom, right = box = _box(share, (int(rng.integers(height)), int(rng.integers(width))), height, width)
    return Mix(partners, 1 - (bottom - top) * (right - left) / (height * width), box)


def _box(share: float, centre: tuple[int, int], height: int, width: int) -> tuple[int, int, int, int]:
    """1 - share of the image about a centre, less what lies outside (Yun et al. 2019, equation 2)."""
    half_height, half_width = (int(0.5 * (1 - share) ** 0.5 * side) for side in (height, width))
    row, column = centre
    top, left = max(row - half_height, 0), max(column - half_width, 0)
    return top, left, min(row + half_height, height), min(column + half_width, width)


def apply(x: Tensor, partners: Tensor, mix: Mix) -> Tensor:
    """Items (N, ...) mixed with those of their partners (N, ...), which another process may have.

    Raw or scaled, before any view: a mixup is float32, a cutmix keeps the dtype of its images (N, C, H, W).
    """
    if mix.box is None:
        return torch.lerp(partners.float(), x.float(), mix.share)
    top, left, bottom, right = mix.box
    x = x.clone()
    x[:, :, top:bottom, left:right] = partners[:, :, top:bottom, left:right]
    return x


def require_whole(parts: Iterable[Tensor]) -> None:
    """ValueError where items (n, ...) of any part of a data set have padding: a mixture with it has no length."""
    counts = [(len(x), int(x.isnan().flatten(1).any(1).sum())) for x in parts]
    items, padded = (sum(column) for column in zip(*counts, strict=True))
    if padded:
        raise ValueError(
            f"{padded} of {items} items end before the longest does: series of several lengths can't be mixed; "
            "set mixup and cutmix to 0.0"
        )
