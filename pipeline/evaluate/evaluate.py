"""An evaluate cell: one evaluator over the predictions that a model has left. Nothing is predicted here."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.cells.cell import record
from pipeline.evaluate import subject
from pipeline.evaluate.spec import Evaluate as Spec
from pipeline.evaluate.subject import PREDICTIONS, Subject
from pipeline.tasks._task import find


def run(spec: Spec, folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    """values: [split, metric, value] of the model and, with the prefix in their metric, of its baseline.

    What an evaluator yields that is no number, such as a confusion matrix, is in the result under its metric's name.
    """
    predicted = record(inputs["predictions"], "result.json")
    if predicted["status"] == "failed":
        return {"status": "failed", "reason": predicted["reason"], "values": []}
    task, data = find(spec.task), subject.held_out(inputs["data"], spec.budget)
    data = replace(data, y={split: task.truth(data, split) for split in data.y})
    evaluator = importlib.import_module(f"pipeline.evaluate.evaluators.{spec.evaluator}")
    values: list[tuple[str, str, float]] = []
    others: dict[str, Any] = {}
    with np.load(inputs["predictions"] / PREDICTIONS, allow_pickle=False) as kept:
        for prefix, probabilistic in predicted["probabilistic"].items():
            scores = {split: kept[prefix + split] for split in data.x}
            source = inputs["baseline" if prefix else "model"]
            model = subject.opened(source, spec.threads) if evaluator.NEEDS_MODEL else None
            asked = Subject(task, data, scores, probabilistic, model)
            for split, metric, value in evaluator.run(asked, **spec.options):
                if isinstance(value, int | float):
                    values.append((split, prefix + metric, value))
                else:
                    others[prefix + metric] = value
    return {"status": "ok", "values": values, "classes": data.classes, **others}
