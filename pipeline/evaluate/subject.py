"""What an evaluator is given."""

from dataclasses import dataclass
from types import ModuleType

import numpy as np

from pipeline.data.dataset import Dataset
from pipeline.evaluate.predictor import Predictor


@dataclass(frozen=True)
class Subject:
    """A finished model and its scores, float32 (N, K), by split. task: a module of `pipeline.tasks`."""

    predictor: Predictor
    task: ModuleType
    data: Dataset
    scores: dict[str, np.ndarray]
