"""A predict cell: a finished model asked once about validation and test, its scores kept, its latency measured."""

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.cells.cell import read_json
from pipeline.data.arrays import Mapped
from pipeline.data.ragged import Ragged
from pipeline.evaluate import subject
from pipeline.evaluate.spec import Predict as Spec
from pipeline.tasks._task import find

WARM_UP, RUNS, SECONDS = 10, 100, 0.5


def run(spec: Spec, folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    """Scores, float32 (N, K), or what else the task asks for goes into PREDICTIONS, named `prefix + split`.

    `<prefix>latency_ms` is a cost.

    Prefixes are "" and, where inputs["baseline"] holds what the model is compared with, the specification's `baseline`.
    probabilistic: of each prefix. Of validation items that were trained on there are no scores.
    """
    models = {"": inputs["model"]} | ({spec.baseline: inputs["baseline"]} if spec.baseline else {})
    for source in models.values():
        made = read_json(source / "result.json")
        if made["status"] == "failed":
            return {"status": "failed", "reason": made["reason"]}
    data, task = subject.held_out(inputs["data"], spec.budget), find(spec.task)
    arrays: dict[str, np.ndarray] = {}
    costs: dict[str, float] = {}
    probabilistic: dict[str, bool] = {}
    for prefix, source in models.items():
        model = subject.opened(source, spec.threads)
        arrays |= {prefix + split: task.predictions(model, data, split) for split in data.x}
        costs[f"{prefix}latency_ms"] = latency(partial(task.answer, model, alone(data.x["test"])))
        probabilistic[prefix] = model.probabilistic
    np.savez(folder / subject.PREDICTIONS, allow_pickle=False, **arrays)
    return {"status": "ok", "probabilistic": probabilistic, "costs": costs}


def alone(x: np.ndarray | Mapped) -> np.ndarray | Mapped:
    """The first item (1, ...)."""
    return x.take(np.array([0])) if isinstance(x, Ragged) else x[:1]


def latency(predict: Callable[[], Any]) -> float:
    """Milliseconds of one prediction, warm: the median of 100, or of as many as fit into half a second.

    Of five at least.
    """
    for _ in range(WARM_UP):
        predict()
    times: list[float] = []
    while len(times) < RUNS and (sum(times) < SECONDS or len(times) < 5):
        started = time.perf_counter()
        predict()
        times.append(time.perf_counter() - started)
    return round(1000 * statistics.median(times), 4)
