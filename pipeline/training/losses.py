"""Losses by the name that a recipe gives them; each a mean over items, a weighted one where classes have weights.

Scores are logits (N, K) for labels (N,), or values (N, 1) for numbers (N,). TARGETS is read without importing this
file (`signature.constant`). `margin` stands here and not beside the capsules that it was made for, because a recipe may
ask for it with any network: its own file comes before all models.
"""

from collections.abc import Callable
from types import ModuleType

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.training.recipe import Gradient

Loss = Callable[[Tensor, Tensor, Tensor | None, float], Tensor]

# What each is for, as a task's TARGET. All that are for classes take class weights.
TARGETS = {
    "cross_entropy": ("class",),
    "binary_cross_entropy": ("class",),
    "squared": ("class", "number"),
    "huber": ("number",),
    "hinge": ("class",),
    "margin": ("class",),
    "focal": ("class",),
}
PRESENT, ABSENT, DOWN_WEIGHT = 0.9, 0.1, 0.5  # m+, m- and lambda of the margin loss


def chosen(recipe: Gradient, task: ModuleType) -> Loss:
    """The recipe's loss of (scores, y, weight, label_smoothing), or the task's own.

    weight: (K,) class weights or None; a mean is then over weights, as torch's cross-entropy has it. label_smoothing is
    of cross-entropy alone: a recipe refuses it with others.
    """
    if recipe.loss == "default":
        return task.loss  # type: ignore[no-any-return]
    if recipe.loss == "cross_entropy":
        return _cross_entropy
    by_item: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "binary_cross_entropy": binary_cross_entropy,
        "squared": squared if task.TARGET == "class" else lambda values, y: (values[:, 0] - y).square(),
        "huber": lambda values, y: functional.huber_loss(values[:, 0], y, reduction="none", delta=recipe.huber_delta),
        "hinge": hinge,
        "margin": lambda logits, y: margin(logits.sigmoid(), y),
        "focal": lambda logits, y: focal(logits, y, recipe.focal_gamma),
    }
    return _mean_of(by_item[recipe.loss])


def _cross_entropy(logits: Tensor, y: Tensor, weight: Tensor | None = None, label_smoothing: float = 0.0) -> Tensor:
    return functional.cross_entropy(logits, y, weight, label_smoothing=label_smoothing)


def _mean_of(by_item: Callable[[Tensor, Tensor], Tensor]) -> Loss:
    def loss(scores: Tensor, y: Tensor, weight: Tensor | None = None, label_smoothing: float = 0.0) -> Tensor:
        losses = by_item(scores.to(torch.promote_types(scores.dtype, torch.float32)), y)  # no sums in half the bits
        if weight is None:
            return losses.mean()
        shares = weight[y]
        return (losses * shares).sum() / shares.sum()

    return loss


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
