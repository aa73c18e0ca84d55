"""One of K classes for an item: logits (N, K) against labels (N,)."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

METRIC = "accuracy"  # what choices are made by, on validation; higher is better


def loss(logits: Tensor, y: Tensor, weight: Tensor | None = None, label_smoothing: float = 0.0) -> Tensor:
    """Mean cross-entropy of logits (N, K) and int64 labels (N,); `weight` (K,) weighs classes."""
    return functional.cross_entropy(logits, y, weight=weight, label_smoothing=label_smoothing)


def hits(logits: Tensor, y: Tensor) -> Tensor:
    """Number of items whose largest logit is the label's: a scalar tensor, without waiting for the device."""
    return (logits.argmax(dim=1) == y).sum()


def decide(scores: np.ndarray) -> np.ndarray:
    """Predicted class numbers (N,) of scores (N, K)."""
    return scores.argmax(axis=1)


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax of logits (N, K), in float64."""
    return torch.from_numpy(logits).double().softmax(dim=1).numpy()
