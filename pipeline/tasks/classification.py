"""One of K classes for an item: logits (N, K) against labels (N,)."""

from collections.abc import Iterator

import numpy as np
import torch
from sklearn.metrics import balanced_accuracy_score, f1_score
from torch import Tensor
from torch.nn import functional

TARGET = "class"  # what `y` holds: numbers of classes
METRIC = "accuracy"  # what choices are made by, on validation; higher is better


def loss(logits: Tensor, y: Tensor, weight: Tensor | None = None, label_smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy of logits (N, K) and int64 labels (N,); `weight` (K,) weighs classes."""
    return functional.cross_entropy(logits, y, weight=weight, label_smoothing=label_smoothing)


def tally(logits: Tensor, y: Tensor) -> Tensor:
    """Number of items whose largest logit is the label's: a scalar tensor, without waiting for the device."""
    return (logits.argmax(dim=1) == y).sum()


def metric(tally: float, y: Tensor) -> float:
    """METRIC of the items `y` (N,), of which `tally` is the sum over their batches."""
    return tally / len(y)


def decide(scores: np.ndarray) -> np.ndarray:
    """Predicted class numbers (N,) of scores (N, K)."""
    return scores.argmax(axis=1)


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax of logits (N, K), in float64."""
    return torch.from_numpy(logits).double().softmax(dim=1).numpy()


def quality(scores: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, float]]:
    """Accuracy, F1 averaged over classes, recall averaged over classes; all in [0, 1]; of scores (N, K) and (N,)."""
    predicted, every = decide(scores), np.arange(scores.shape[1])
    yield "accuracy", float((predicted == y).mean())
    yield "macro_f1", float(f1_score(y, predicted, labels=every, average="macro", zero_division=0.0))
    yield "balanced_accuracy", float(balanced_accuracy_score(y, predicted))
