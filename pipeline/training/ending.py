"""When a run ends, and with which weights: early stopping, limits of time and items, the best epoch's weights."""

import sys
from collections.abc import Mapping, Sequence
from math import ceil, inf
from typing import Any

from torch import Tensor, nn

from pipeline.training.recipe import Gradient


class Ending:
    """Judges epochs, of so many `items`, by the validation score of a `metric` that is to maximize or to minimize.

    reason: why the run ends before its last epoch, None while it goes on. updates: the most that it may do, until at
    least the recipe's `items` have been seen.
    """

    def __init__(self, recipe: Gradient, metric: str, items: int, direction: str = "maximize") -> None:
        self.recipe, self.metric = recipe, f"validation_{metric}"
        self.sign = 1.0 if direction == "maximize" else -1.0  # what is compared is larger where it is better
        self.updates = sys.maxsize
        if recipe.items is not None:
            epochs, rest = divmod(recipe.items, items)  # the last batch of an epoch may be smaller
            self.updates = epochs * ceil(items / recipe.batch_size) + ceil(rest / recipe.batch_size)
        self.reason: str | None = None
        self.best, self.best_epoch, self.waited = -inf, 0, 0
        self.top = -inf
        self.weights: dict[str, Tensor] | None = None

    def judge(self, row: Mapping[str, float], body: nn.Module) -> None:
        """After an epoch: its row of the history, and the network that has it."""
        score, epoch = self.sign * row[self.metric], int(row["epoch"])
        if self.recipe.best_weights and score > self.top:
            self.top, self.weights = score, {name: t.detach().clone() for name, t in body.state_dict().items()}
        if score > self.best + (self.recipe.min_change if self.best > -inf else 0.0):
            self.best, self.best_epoch, self.waited = score, epoch, 0
        else:
            self.waited += 1
        if self.recipe.patience is not None and self.waited >= self.recipe.patience:
            self.reason = (
                f"early stopping after epoch {epoch}: no {self.metric} better than {self.sign * self.best:.6g} "
                f"of epoch {self.best_epoch} in {self.waited} epochs"
            )

    def count(self, updates: int) -> None:
        """After so many updates of the run."""
        if updates >= self.updates:
            self.reason = f"limit of {self.recipe.items} items after {updates} updates"

    def late(self, seconds: float) -> bool:
        """Whether the time is up, after so many seconds of training."""
        return self.recipe.minutes is not None and seconds > 60 * self.recipe.minutes

    def kept(self, history: Sequence[dict[str, float]]) -> dict[str, float]:
        """The row of the weights that the run ends with."""
        return max(history, key=lambda row: self.sign * row[self.metric]) if self.recipe.best_weights else history[-1]

    def state_dict(self) -> dict[str, Any]:
        kept = ("best", "best_epoch", "waited", "top", "weights")
        return {name: getattr(self, name) for name in kept}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
