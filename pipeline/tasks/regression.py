"""A number for an item: values (N, 1) against targets (N,).

Networks are trained on targets standardised over the training split, and give values in the targets' own units.
"""

from collections.abc import Iterator

import numpy as np
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from torch import Tensor
from torch.nn import functional

TARGET = "number"  # what `y` holds
METRIC = "r2"


def loss(values: Tensor, y: Tensor, weight: Tensor | None = None, label_smoothing: float = 0.0) -> Tensor:
    """Mean squared error of values (N, 1) and float32 targets (N,)."""
    if weight is not None or label_smoothing:
        raise ValueError("regression has no classes to weigh or smooth; set sampling none and label_smoothing 0.0")
    return functional.mse_loss(values[:, 0], y)


def tally(values: Tensor, y: Tensor) -> Tensor:
    """Sum of squared errors, a scalar tensor."""
    return (values[:, 0].double() - y).square().sum()


def metric(tally: float, y: Tensor) -> float:
    """Coefficient of determination of the items `y` (N,), whose squared errors sum to `tally`.

    ValueError where all of `y` are equal: there is nothing to determine.
    """
    spread = float((y.double() - y.double().mean()).square().sum())
    if not spread:
        raise ValueError(f"R2 is not defined: all of {len(y)} targets are equal")
    return 1.0 - tally / spread


def decide(scores: np.ndarray) -> np.ndarray:
    """Predicted values (N,) of scores (N, 1)."""
    return scores[:, 0]


def quality(scores: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, float]]:
    """R2, at most 1; root mean squared and mean absolute error in the target's units; of scores (N, 1) and (N,)."""
    values = decide(scores)
    yield "r2", float(r2_score(y, values))
    yield "rmse", float(root_mean_squared_error(y, values))
    yield "mae", float(mean_absolute_error(y, values))
