"""What a task is: one object a file, `TASK`, that answers for everything that depends on what is predicted.

A file of this folder has beside it literal constants that are read without importing it: TARGET (what `y` holds: class,
number or tags), METRIC, DIRECTION (maximize or minimize), PERCENT (whether the metric is a fraction, shown times 100),
MARGIN (how far below the champion the smallest and the fastest may be, in the metric's unit) and LOSSES (what a recipe
may name as its loss).
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pipeline.training.recipe import Gradient

ItemLoss = Callable[[Tensor, Tensor], Tensor]  # scores (N, K), y (N,) -> (N,)


class Loss(Protocol):
    """Mean loss of scores (N, K) against y (N,); weight: (K,) class weights or None, a mean is then over weights."""

    def __call__(
        self, scores: Tensor, y: Tensor, weight: Tensor | None = None, label_smoothing: float = 0.0
    ) -> Tensor: ...


class Judge(ABC):
    """A metric by which training is followed, with a state that adds over batches and over processes.

    direction: maximize or minimize. states: how many numbers the state has.
    """

    states = 1

    def __init__(self, metric: str, direction: str = "maximize") -> None:
        self.metric, self.direction = metric, direction

    @abstractmethod
    def state(self, scores: Tensor, y: Tensor) -> Tensor:
        """(states,) of items with scores (N, K) and targets (N,), without waiting for the device."""

    @abstractmethod
    def value(self, state: Sequence[float], y: Tensor) -> float:
        """The metric of the items `y` (N,), whose states add up to `state`; every process has all targets at hand."""

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

    def __init__(self, target: str, metric: str, direction: str, percent: bool) -> None:
        super().__init__(metric, direction)
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
    def outputs(self, classes: list[str]) -> int:
        """Width K of the scores that a model has to give."""

    @abstractmethod
    def loss(self, scores: Tensor, y: Tensor, weight: Tensor | None = None, label_smoothing: float = 0.0) -> Tensor:
        """The loss where a recipe names none."""

    @abstractmethod
    def losses(self, recipe: Gradient) -> Mapping[str, Loss]:
        """Of each name in LOSSES, with the recipe's own values for it."""

    def loss_of(self, recipe: Gradient) -> Loss:
        return self.loss if recipe.loss == "default" else self.losses(recipe)[recipe.loss]

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
