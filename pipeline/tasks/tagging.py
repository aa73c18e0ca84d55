"""A class for each word of a sentence, such as its part of speech."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from pipeline.data.dataset import IGNORED
from pipeline.data.ragged import Ragged
from pipeline.data.raw import DataError
from pipeline.tasks._task import Loss
from pipeline.tasks.classification import Classification
from pipeline.training.recipe import Gradient

TARGET = "tags"  # what `y` holds: numbers of classes, one a word
METRIC = "accuracy"  # of words; what choices are made by, on validation
LABEL = "accuracy"  # as people write it
DIRECTION = "maximize"
PERCENT = True  # a fraction, shown times 100
MARGIN = 0.01  # in the metric's unit: how far below the champion the smallest and the fastest may be
LOSSES = ("cross_entropy",)


class Tagging(Classification):
    """Scores are (N, T, K), one for each token; what counts is the first token of each word."""

    def encode(self, labels: np.ndarray, classes: list[str] | None) -> tuple[np.ndarray, list[str]]:
        """Tuples of tags, objects (N,), as arrays of class numbers."""
        if whole := [str(label) for label in labels if not isinstance(label, tuple)]:
            raise DataError(f"an item has one label, {whole[0]!r}, but task tagging is of a tag for each word")
        found = classes or sorted({tag for tags in labels for tag in tags})
        numbers = {name: number for number, name in enumerate(found)}
        encoded = np.empty(len(labels), object)
        for item, tags in enumerate(labels):
            if unknown := [tag for tag in tags if tag not in numbers]:
                raise DataError(f"tag {unknown[0]!r} is none of the classes {', '.join(found)}")
            encoded[item] = np.array([numbers[tag] for tag in tags], np.int64)
        return encoded, found

    def counts(self, y: np.ndarray, classes: list[str]) -> list[int]:
        """Words of each class."""
        words = np.concatenate([np.zeros(0, np.int64), *y])
        found: list[int] = np.bincount(words, minlength=len(classes)).tolist()
        return found

    def losses(self, recipe: Gradient) -> Mapping[str, Loss]:
        return {"cross_entropy": self.loss}

    def answers(self, y: Tensor | Ragged) -> Tensor:
        if isinstance(y, Ragged):
            y = torch.from_numpy(y.flat())
        return y[y != IGNORED]

    def scored(self, scores: Tensor, y: Tensor) -> Tensor:
        return scores[y != IGNORED]


TASK = Tagging(TARGET, METRIC, DIRECTION, PERCENT)
