"""torch's optimizers and schedules, built from a recipe."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR

from pipeline.training.recipe import Gradient


def optimizer(parameters: Iterable[nn.Parameter], recipe: Gradient) -> torch.optim.Optimizer:
    """Fused: one kernel for all parameters instead of a loop over them."""
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            parameters,
            recipe.lr,
            recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=recipe.momentum > 0,
            fused=True,
        )
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimizer]
    return kind(parameters, recipe.lr, weight_decay=recipe.weight_decay, fused=True)


def schedule(optimizer: torch.optim.Optimizer, recipe: Gradient, updates: int) -> LRScheduler | None:
    """Learning rate over a run of `updates` steps, to be stepped after each; None where it is constant."""
    if recipe.schedule == "one_cycle" and updates > 1:
        rise = min(1.0, max(recipe.warmup, 2 / updates))  # torch divides by zero where the rise is one step
        return OneCycleLR(optimizer, recipe.lr, updates, pct_start=rise, cycle_momentum=False)
    return CosineAnnealingLR(optimizer, updates) if recipe.schedule == "cosine" else None
