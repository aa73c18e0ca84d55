"""What an evaluator is given, and how a cell of this room gets at it."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from pipeline.cells.cell import read_json
from pipeline.data import dataset
from pipeline.data.dataset import Dataset
from pipeline.data.spec import Budget
from pipeline.formats import model as formats
from pipeline.formats.model import Model
from pipeline.tasks._task import Task

PREDICTIONS = "predictions.npz"  # of a predict cell: an array a model and split, named prefix + split


@dataclass(frozen=True)
class Subject:
    """The kept predictions of one model: scores, float32 (N, K), or texts, by split.

    data: the same splits. task: of `pipeline.tasks`. probabilistic: whether softmax of the scores is the model's
    probability. opened: the model, where the evaluator's NEEDS_MODEL is True.
    """

    task: Task
    data: Dataset
    scores: dict[str, np.ndarray]
    probabilistic: bool
    opened: Model | None = None

    @property
    def model(self) -> Model:
        """ValueError where the evaluator did not say that it needs the model."""
        if self.opened is None:
            raise ValueError("an evaluator that asks for the model says so: NEEDS_MODEL = True beside its `run`")
        return self.opened


# One process executes a prediction and then its evaluators: what the first has loaded the others find loaded.
opened = lru_cache(maxsize=2)(formats.open_model)


@lru_cache(maxsize=1)
def held_out(folder: Path, budget: Budget) -> Dataset:
    """Validation and test of the prepared data in `folder`; only test where validation items were trained on."""
    splits = ("test",) if read_json(folder / "meta.json")["refit"] else ("validation", "test")
    return dataset.load(folder, budget, 0, splits)
