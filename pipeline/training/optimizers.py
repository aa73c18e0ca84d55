"""torch's optimizers and schedules, built from a recipe."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR

from pipeline.training.recipe import Gradient


def optimizer(parameters: Iterable[nn.Parameter], recipe: Gradient) -> torch.optim.Optimizer:
    """Fused: one kernel for all parameters of a group instead of a loop over them."""
    grouped = groups(parameters, recipe.weight_decay)
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            grouped,
            recipe.lr,
            recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=recipe.momentum > 0,
            fused=True,
        )
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimizer]
    return kind(grouped, recipe.lr, weight_decay=recipe.weight_decay, fused=True)


def groups(parameters: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Weights, which decay, apart from biases and the gains of norms, (C,), which do not.

    They are few, no function grows rougher by them, and a gain pulled towards zero only slows the layer behind it
    (Goyal et al. 2017, section 5.3; He et al. 2019: Bag of tricks, section 3.1).
    """
    every = list(parameters)
    weights, others = [p for p in every if p.ndim > 1], [p for p in every if p.ndim < 2]
    if not weight_decay or not others or not weights:
        return [{"params": every, "weight_decay": weight_decay if weights else 0.0}]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def schedule(optimizer: torch.optim.Optimizer, recipe: Gradient, updates: int) -> LRScheduler | None:
    """Learning rate over a run of `updates` steps, to be stepped after each; None where it is constant."""
    if recipe.schedule == "one_cycle" and updates > 1:
        rise = min(1.0, max(recipe.warmup, 2 / updates))  # torch divides by zero where the rise is one step
        return OneCycleLR(
            optimizer, [group["lr"] for group in optimizer.param_groups], updates, pct_start=rise, cycle_momentum=False
        )
    return CosineAnnealingLR(optimizer, updates) if recipe.schedule == "cosine" else None
