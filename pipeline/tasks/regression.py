"""A number for an item: values (N, 1) against targets (N,).

Networks are trained on targets standardised over the training split, and give values in the targets' own units.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from torch import Tensor
from torch.nn import functional

from pipeline.data.labels import numbers
from pipeline.data.statistics import digits
from pipeline.tasks._task import Loss, Task, mean_of
from pipeline.training.recipe import Gradient

TARGET = "number"  # what `y` holds
METRIC = "r2"  # what choices are made by, on validation
LABEL = "R2"  # as people write it
DIRECTION = "maximize"
PERCENT = False
MARGIN = 0.01  # in the metric's unit: how far below the champion the smallest and the fastest may be
LOSSES = ("squared", "huber")


class Regression(Task):
    def encode(self, labels: np.ndarray, classes: list[str] | None) -> tuple[np.ndarray, list[str]]:
        return numbers(labels, classes), []

    def counts(self, y: np.ndarray, classes: list[str]) -> list[int]:
        return [len(y)]

    def scale(self, y: np.ndarray) -> tuple[float, float]:
        return digits(y.mean(dtype=np.float64)), digits(y.std(dtype=np.float64))

    def outputs(self, classes: list[str], tokens: int = 0) -> int:
        return 1

    def loss(self, scores: Tensor, y: Tensor, weight: Tensor | None = None, label_smoothing: float = 0.0) -> Tensor:
        """Mean squared error of values (N, 1) and float32 targets (N,)."""
        if weight is not None or label_smoothing:
            raise ValueError("regression has no classes to weigh or smooth; set sampling none and label_smoothing 0.0")
        return functional.mse_loss(scores[:, 0], y)

    def losses(self, recipe: Gradient) -> Mapping[str, Loss]:
        delta = recipe.huber_delta
        return {
            "squared": mean_of(lambda values, y: (values[:, 0] - y).square()),
            "huber": mean_of(lambda values, y: functional.huber_loss(values[:, 0], y, reduction="none", delta=delta)),
        }

    def state(self, scores: Tensor, y: Tensor) -> Tensor:
        """Sum of squared errors."""
        return (scores[:, 0].double() - y).square().sum()[None]

    def value(self, state: Sequence[float], y: Tensor) -> float:
        """Coefficient of determination; ValueError where all of `y` are equal: there is nothing to determine."""
        spread = float((y.double() - y.double().mean()).square().sum())
        if not spread:
            raise ValueError(f"R2 is not defined: all of {len(y)} targets are equal")
        return 1.0 - state[0] / spread

    def decide(self, scores: np.ndarray) -> np.ndarray:
        """Predicted values (N,) of scores (N, 1)."""
        return scores[:, 0]

    def quality(self, scores: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, float]]:
        """R2, at most 1; root mean squared and mean absolute error in the target's units."""
        values = self.decide(scores)
        yield "r2", float(r2_score(y, values))
        yield "rmse", float(root_mean_squared_error(y, values))
        yield "mae", float(mean_absolute_error(y, values))


TASK = Regression(TARGET, METRIC, DIRECTION, PERCENT)
