"""Losses of each item (N,), from scores: logits (N, K) for labels (N,), or values (N, 1) for numbers (N,).

A task says which of them a recipe may name, and an architecture may have one as its own (capsules: `margin`), so they
stand below both.
"""

from torch import Tensor
from torch.nn import functional

PRESENT, ABSENT, DOWN_WEIGHT = 0.9, 0.1, 0.5  # m+, m- and lambda of the margin loss


def binary_cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """One class against the rest (Rifkin & Klautau 2004), summed over classes, (N,)."""
    return functional.binary_cross_entropy_with_logits(logits, _one_hot(y, logits), reduction="none").sum(1)


def squared(scores: Tensor, y: Tensor) -> Tensor:
    """Hui & Belkin 2021, section 2, with k = M = 1: mean over classes of the error against the one-hot label, (N,)."""
    return (scores - _one_hot(y, scores)).square().mean(1)


def hinge(scores: Tensor, y: Tensor) -> Tensor:
    """Crammer & Singer 2001: by how much the best other class comes within 1 of the label's, (N,)."""
    label = scores.gather(1, y[:, None])[:, 0]
    return (scores + 1 - _one_hot(y, scores)).amax(1) - label


def margin(lengths: Tensor, y: Tensor) -> Tensor:
    """Sabour, Frosst, Hinton 2017, equation 4, summed over classes, of lengths of [0, 1) (N, K), (N,).

    Of a network that gives logits, the lengths are their sigmoid.
    """
    present = _one_hot(y, lengths)
    missed, wrong = (PRESENT - lengths).clamp_min(0).square(), (lengths - ABSENT).clamp_min(0).square()
    return (present * missed + DOWN_WEIGHT * (1 - present) * wrong).sum(1)


def focal(logits: Tensor, y: Tensor, gamma: float) -> Tensor:
    """Lin et al. 2017, equation 4, with the softmax's probability of the label, (N,); class weights are its alpha."""
    likelihood = logits.log_softmax(1).gather(1, y[:, None])[:, 0]
    missing = (-likelihood.expm1()).clamp_min(1e-12)  # below gamma 1, the slope of a power at 0 is infinite
    return -(missing**gamma) * likelihood


def _one_hot(y: Tensor, like: Tensor) -> Tensor:
    return functional.one_hot(y, like.shape[1]).to(like.dtype)
