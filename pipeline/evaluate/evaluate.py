"""An evaluate cell: a finished model asked once about validation and test, its answers through every evaluator."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix

from pipeline.cells import read_json
from pipeline.data import dataset
from pipeline.evaluate.predictor import predictors
from pipeline.evaluate.subject import Subject


def run(spec: dict[str, Any], folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    """values: [split, metric, value]; machine-dependent ones go into costs; confusion: (K, K), true by predicted.

    Of numbers instead of classes there is no confusion; of validation items that were trained on there are no values.
    """
    made = read_json(inputs["model"] / "result.json")
    if made["status"] == "failed":
        return {"status": "failed", "reason": made["reason"], "values": [], "confusion": None}
    held_out = ("test",) if read_json(inputs["data"] / "meta.json")["refit"] else ("validation", "test")
    data = dataset.load(inputs["data"], spec["budget"], 0, held_out)
    task = importlib.import_module(f"pipeline.tasks.{spec['task']}")
    values: list[tuple[str, str, float]] = []
    costs: dict[str, float] = {}
    confusion: list[list[int]] | None = None
    for prefix, predictor in predictors(inputs["model"], spec["threads"]).items():
        scores = {split: predictor.scores(x) for split, x in data.x.items()}
        subject = Subject(predictor, task, data, scores)
        for name in spec["evaluators"]:
            evaluator = importlib.import_module(f"pipeline.evaluate.evaluators.{name}")
            for split, metric, value in evaluator.run(subject):
                if evaluator.COSTS:
                    costs[prefix + metric] = value
                else:
                    values.append((split, prefix + metric, value))
        if not prefix and data.classes:
            every = np.arange(len(data.classes))
            confusion = confusion_matrix(data.y["test"], task.decide(scores["test"]), labels=every).tolist()
    return {"status": "ok", "values": values, "confusion": confusion, "classes": data.classes, "costs": costs}
