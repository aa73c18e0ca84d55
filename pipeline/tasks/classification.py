"""One of K classes for an item: logits (N, K) against labels (N,)."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score
from torch import Tensor
from torch.nn import functional

from pipeline.data.labels import encode
from pipeline.tasks import _losses
from pipeline.tasks._task import Loss, Task, mean_of
from pipeline.training.recipe import Gradient

TARGET = "class"  # what `y` holds: numbers of classes
METRIC = "accuracy"  # what choices are made by, on validation
LABEL = "accuracy"  # as people write it
DIRECTION = "maximize"
PERCENT = True  # a fraction, shown times 100
MARGIN = 0.01  # in the metric's unit: how far below the champion the smallest and the fastest may be
LOSSES = ("cross_entropy", "binary_cross_entropy", "squared", "hinge", "margin", "focal")


class Classification(Task):
    def encode(self, labels: np.ndarray, classes: list[str] | None) -> tuple[np.ndarray, list[str]]:
        return encode(labels, classes)

    def counts(self, y: np.ndarray, classes: list[str]) -> list[int]:
        found: list[int] = np.bincount(y, minlength=len(classes)).tolist()
        return found

    def outputs(self, classes: list[str], tokens: int = 0) -> int:
        return len(classes)

    def loss(self, scores: Tensor, y: Tensor, weight: Tensor | None = None, label_smoothing: float = 0.0) -> Tensor:
        """Mean cross-entropy of logits (N, K) and int64 labels (N,); `weight` (K,) weighs classes."""
        return functional.cross_entropy(scores, y, weight=weight, label_smoothing=label_smoothing)

    def losses(self, recipe: Gradient) -> Mapping[str, Loss]:
        """Label smoothing is of cross-entropy alone: a recipe refuses it with others."""
        return {
            "cross_entropy": self.loss,
            "binary_cross_entropy": mean_of(_losses.binary_cross_entropy),
            "squared": mean_of(_losses.squared),
            "hinge": mean_of(_losses.hinge),
            "margin": mean_of(lambda logits, y: _losses.margin(logits.sigmoid(), y)),
            "focal": mean_of(lambda logits, y: _losses.focal(logits, y, recipe.focal_gamma)),
        }

    def state(self, scores: Tensor, y: Tensor) -> Tensor:
        """Number of items whose largest logit is the label's."""
        return (scores.argmax(dim=1) == y).sum()[None]

    def value(self, state: Sequence[float], y: Tensor) -> float:
        """Accuracy."""
        return state[0] / len(y)

    def decide(self, scores: np.ndarray) -> np.ndarray:
        """Predicted class numbers (N,) of scores (N, K)."""
        return scores.argmax(axis=1)

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Softmax of logits (N, K), in float64."""
        return torch.from_numpy(scores).double().softmax(dim=1).numpy()

    def quality(self, scores: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, float]]:
        """Accuracy; F1, averaged over classes that are there or predicted; recall, over those there. All in [0, 1]."""
        predicted = self.decide(scores)
        every = np.union1d(y, predicted)
        yield "accuracy", float((predicted == y).mean())
        yield "macro_f1", float(f1_score(y, predicted, labels=every, average="macro", zero_division=0.0))
        yield "balanced_accuracy", float(balanced_accuracy_score(y, predicted))

    def confusion(self, scores: np.ndarray, y: np.ndarray) -> list[list[int]]:
        found: list[list[int]] = confusion_matrix(y, self.decide(scores), labels=np.arange(scores.shape[1])).tolist()
        return found


TASK = Classification(TARGET, METRIC, DIRECTION, PERCENT)
