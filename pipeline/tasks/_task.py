"""What a task is: one object a file, `TASK`, that answers for everything that depends on what is predicted.

A file of this folder has beside it literal constants that are read without importing it: TARGET (what `y` holds: class,
number, tags or sentence), METRIC, DIRECTION (maximize or minimize), PERCENT (whether the metric is a fraction, shown
times 100), MARGIN (how far below the champion the smallest and the fastest may be, in the metric's unit) and LOSSES
(what a recipe may name as its loss).
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.data.arrays import Mapped
from pipeline.data.dataset import Dataset
from pipeline.data.ragged import Ragged
from pipeline.training.recipe import Gradient

ItemLoss = Callable[[Tensor, Tensor], Tensor]  # scores (N, K), y (N,) -> (N,)


class Loss(Protocol):
    """Mean loss of scores (N, K) against y (N,); weight: (K,) class weights or None, a mean is then over weights."""

    def __call__(
        self, scores: Tensor, y: Tensor, weight: Tensor | None = None, label_smoothing: float = 0.0
    ) -> Tensor: ...


class Answering(Protocol):
    """A finished model, as a task asks it about items (N, ...)."""

    def scores(self, x: np.ndarray | Mapped) -> np.ndarray:
        """Float32 (N, K)."""

    def texts(self, x: Ragged, **search: Any) -> list[str]:
        """Of a model that writes: search is what `pipeline.models._decoding.beam_search` takes."""


class Judge(ABC):
    """A metric by which training is followed, with a state that adds over batches and over processes.

    watched: its name; metric: what choices are made by, which may take longer. direction: of both, maximize or
    minimize. states: how many numbers the state has.
    """

    states = 1

    def __init__(self, metric: str, direction: str = "maximize", watched: str | None = None) -> None:
        self.metric, self.direction, self.watched = metric, direction, watched or metric

    def forward(self, body: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """Scores of prepared items, of whose targets a network may see those before the one that it predicts."""
        found: Tensor = body(x)
        return found

    @abstractmethod
    def state(self, scores: Tensor, y: Tensor) -> Tensor:
        """(states,) of items with scores (N, K) and targets (N,), without waiting for the device."""

    @abstractmethod
    def value(self, state: Sequence[float], y: Tensor) -> float:
        """What is watched, of items `y` (N,) whose states add up to `state`; every process has all targets at hand."""

    def answers(self, y: Any) -> Any:
        """Of the targets of items, those that are judged, (M,): all of them, or one for each word of a text."""
        return y

    def scored(self, scores: Any, y: Any) -> Any:
        """The scores (M, K) of `answers(y)`, of the scores that a model gives for all of the items."""
        return scores

    def loss_of(self, recipe: Gradient) -> Loss:
        """The loss that a recipe names; ValueError where nothing but a network's own loss is possible."""
        raise ValueError(f"{self.metric} is of networks with a loss of their own, not of loss {recipe.loss}")


class Task(Judge):
    """What is predicted: how targets are encoded, what a network gives for them, and how that is judged and told."""

    def __init__(self, target: str, metric: str, direction: str, percent: bool, watched: str | None = None) -> None:
        super().__init__(metric, direction, watched)
        self.target, self.percent = target, percent

    @abstractmethod
    def encode(self, labels: np.ndarray, classes: list[str] | None) -> tuple[np.ndarray, list[str]]:
        """Labels (N,) of any kind as targets (N,), and names of classes, none where there are none.

        DataError where a label is not possible.
        """

    @abstractmethod
    def counts(self, y: np.ndarray, classes: list[str]) -> list[int]:
        """Items of each class; of targets without classes, their number alone."""

    def scale(self, y: np.ndarray) -> tuple[float, float] | None:
        """(mean, standard deviation) by which training targets (N,) are standardised, None where they are not."""
        return None

    @abstractmethod
    def outputs(self, classes: list[str], tokens: int = 0) -> int:
        """Width K of the scores that a model has to give. tokens: of the vocabulary, where items are texts."""

    @abstractmethod
    def loss(self, scores: Tensor, y: Tensor, weight: Tensor | None = None, label_smoothing: float = 0.0) -> Tensor:
        """The loss where a recipe names none."""

    @abstractmethod
    def losses(self, recipe: Gradient) -> Mapping[str, Loss]:
        """Of each name in LOSSES, with the recipe's own values for it."""

    def loss_of(self, recipe: Gradient) -> Loss:
        return self.loss if recipe.loss == "default" else self.losses(recipe)[recipe.loss]

    def answer(self, model: Answering, x: np.ndarray | Mapped) -> np.ndarray:
        """What a model is asked for of items (N, ...)."""
        return model.scores(x)

    def predictions(self, model: Answering, data: Dataset, split: str) -> np.ndarray:
        """All that `quality` goes by, an entry for each one of `truth`."""
        y = data.y[split]
        found: np.ndarray = self.scored(self.answer(model, data.x[split]), y.flat() if isinstance(y, Ragged) else y)
        return found

    def truth(self, data: Dataset, split: str) -> np.ndarray:
        """What predictions are judged by, (M,) or (M, ...)."""
        return np.asarray(self.answers(data.y[split]))

    def validated(self, model: Answering, data: Dataset) -> dict[str, float]:
        """The metric of a trained model on validation, where that is not what was watched."""
        return {}

    @abstractmethod
    def decide(self, scores: np.ndarray) -> np.ndarray:
        """Predicted targets (N,) of scores (N, K)."""

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Of classes, float64 (N, K), by a model that is probabilistic; ValueError where there are no classes."""
        raise ValueError(f"there are no probabilities of targets that are a {self.target}")

    @abstractmethod
    def quality(self, scores: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, float]]:
        """(metric, value) of scores (N, K) and targets (N,) in their own units; the task's metric is one of them."""

    def confusion(self, scores: np.ndarray, y: np.ndarray) -> list[list[int]] | None:
        """(K, K), true by predicted classes; None where there are none."""
        return None

    def written(self, scores: np.ndarray, y: np.ndarray) -> list[dict[str, str]] | None:
        """Of predictions that are texts, each with what a person compares it with."""
        return None

    def format(self, value: float) -> str:
        """A value of the metric as people read it: `91.23 %`, `0.4321`."""
        return f"{100 * value:.2f} %" if self.percent else f"{value:.4f}"


def find(name: str) -> Task:
    """The task of a file of this folder."""
    task: Task = importlib.import_module(f"pipeline.tasks.{name}").TASK
    return task


def mean_of(by_item: ItemLoss) -> Loss:
    """The mean over items, or over the weights of their classes."""

    def loss(scores: Tensor, y: Tensor, weight: Tensor | None = None, label_smoothing: float = 0.0) -> Tensor:
        losses = by_item(scores.to(torch.promote_types(scores.dtype, torch.float32)), y)  # no sums in half the bits
        if weight is None:
            return losses.mean()
        shares = weight[y]
        return (losses * shares).sum() / shares.sum()

    return loss
