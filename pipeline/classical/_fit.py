"""A train cell of a classical model, and how it is kept and asked: the same contract as a trained network."""

import importlib
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import skops.io
from threadpoolctl import threadpool_limits

from pipeline import introspection
from pipeline.cells import fingerprint
from pipeline.cells.cell import CellError, parsed, read_json
from pipeline.classical._spec import Spec
from pipeline.data import dataset, views
from pipeline.data.arrays import Mapped
from pipeline.data.kinds import KINDS, Kind
from pipeline.training.spec import Model

MODEL = "model.skops"


def run(spec: Spec, folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    """Fit one seed; a solver's refusal is a result of status `failed`."""
    np.random.seed(spec.seed)
    recipe, module = spec.recipe, importlib.import_module(spec.module)
    from pipeline.tasks._task import find  # it needs torch, which a server of the fitted model does without

    task = find(spec.task)
    data = dataset.load(inputs["data"], spec.budget, spec.seed, ("train", "validation"))
    facts: dict[str, Any] = data.facts(task.outputs(data.classes)).model_dump()
    shift, factor = dataset.scaling(data.meta["statistics"], recipe.scaling, spec.view)
    weights = dataset.class_weights(data.y["train"], len(data.classes)) if recipe.sampling == "weighted" else None
    chosen = _balanced(data.y["train"], spec.seed) if recipe.sampling == "balanced" else slice(None)
    x = {split: see(items, shift, factor, data.kind, spec.view) for split, items in data.x.items()}
    y = {split: data.target(split) for split in data.y}
    started = time.perf_counter()
    try:
        if why := introspection.refused(spec.model, spec.args, recipe.model_dump(), task.target, data.meta["refit"]):
            raise ValueError(why)
        estimator = module.build(
            task.target,
            spec.seed,
            dict(enumerate(weights.tolist())) if weights is not None else None,
            **spec.args,
        )
        with threadpool_limits(spec.threads):
            estimator = module.fit(
                estimator, (x["train"][chosen], y["train"][chosen]), (x["validation"], y["validation"])
            )
            seconds = time.perf_counter() - started
            found = module.scores(estimator, x["validation"])
    except ValueError as error:
        return {"status": "failed", "reason": str(error), **facts}
    skops.io.dump(estimator, folder / MODEL)
    dataset.carry(inputs["data"], folder)
    arrays = module.arrays(estimator)
    return {
        "status": "ok",
        "weights_hash": weights_hash(arrays),
        "parameters": sum(values.size for values in arrays.values()),
        "validation": {task.metric: dict(task.quality(found, y["validation"]))[task.metric]},
        **facts,
        "shift": shift.tolist(),
        "factor": factor.tolist(),
        "target": list(data.target_scale) if data.target_scale else None,
        "costs": {"train_seconds": round(seconds, 4)},
    }


def see(x: np.ndarray | Mapped, shift: np.ndarray, factor: np.ndarray, kind: Kind, view: str) -> Any:
    """Raw items (N, ...) scaled, and in the view that the model takes: all in memory, as scikit-learn needs them.

    Text is a sparse matrix.
    """
    if kind.ragged:
        return views.of_tokens(view, x, factor)
    scaled = (np.asarray(x, np.float32) - shift.reshape(kind.extent)) * factor.reshape(kind.extent)
    seen: np.ndarray = views.VIEWS[view](scaled)
    return seen


def load_estimator(folder: Path) -> tuple[Any, ModuleType]:
    """(estimator, its module) of a finished cell; CellError where the file holds a type that is not trusted."""
    module = importlib.import_module(parsed(Model, read_json(folder / "spec.json")).module)
    unknown = set(skops.io.get_untrusted_types(file=folder / MODEL)) - set(module.TRUSTED)
    if unknown:
        raise CellError(f"{folder / MODEL}: holds types that {module.__name__} does not trust: {sorted(unknown)}")
    return skops.io.load(folder / MODEL, trusted=module.TRUSTED), module


def scorer(folder: Path, threads: int) -> tuple[Any, ModuleType, Callable[[np.ndarray], np.ndarray]]:
    """(estimator, its module, scores): float32 (N, K) of raw items (N, ...), numbers in the target's own units."""
    estimator, module = load_estimator(folder)
    view, result = parsed(Model, read_json(folder / "spec.json")).view, read_json(folder / "result.json")
    shift, factor = (np.asarray(result[name], np.float32) for name in ("shift", "factor"))
    kind = KINDS[result["kind"]]
    mean, deviation = result["target"] or (0.0, 1.0)

    def scores(x: np.ndarray) -> np.ndarray:
        with threadpool_limits(threads):
            found = module.scores(estimator, see(x, shift, factor, kind, view))
        return (found * deviation + mean).astype(np.float32)

    return estimator, module, scores


def weights_hash(arrays: dict[str, np.ndarray]) -> str:
    """Digest of what a model's predictions are made of."""
    found = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    return fingerprint.of_json([[k, str(v.dtype), v.shape, v.tobytes().hex()] for k, v in sorted(found.items())])


def _balanced(y: np.ndarray, seed: int) -> np.ndarray:
    """Indices (N,) drawn so that each class is equally likely."""
    share = 1.0 / np.bincount(y)[y]
    return np.sort(np.random.default_rng([seed, 2]).choice(len(y), len(y), p=share / share.sum()))
