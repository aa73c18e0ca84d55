"""A train cell of a classical model, and how it is kept: the same contract as a trained network."""

import importlib
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import skops.io
from threadpoolctl import threadpool_limits

from pipeline import fingerprint, views
from pipeline.cells import CellError, read_json
from pipeline.data import dataset
from pipeline.training.recipe import Fit

MODEL = "model.skops"


def run(spec: dict[str, Any], folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    """Fit one seed; a solver's refusal is a result of status `failed`."""
    np.random.seed(spec["seed"])
    recipe = Fit(**spec["recipe"])
    data = dataset.load(inputs["data"], spec["budget"], spec["seed"], ("train", "validation"))
    facts: dict[str, Any] = {"shape": list(data.shape), "classes": data.classes}
    shift, factor = dataset.scaling(data.meta["statistics"], recipe.scaling)
    weights = dataset.class_weights(data.y["train"], len(data.classes)) if recipe.sampling == "weighted" else None
    chosen = _balanced(data.y["train"], spec["seed"]) if recipe.sampling == "balanced" else slice(None)
    x, y = see(data.x["train"], shift, factor, spec["view"])[chosen], data.y["train"][chosen]
    estimator = _module(spec).build(
        spec["seed"], dict(enumerate(weights.tolist())) if weights is not None else None, **spec["args"]
    )
    started = time.perf_counter()
    try:
        with threadpool_limits(spec["threads"]):
            estimator.fit(x, y)
    except ValueError as error:
        return {"status": "failed", "reason": str(error), **facts}
    seconds = time.perf_counter() - started
    skops.io.dump(estimator, folder / MODEL)
    facts |= {"shift": shift.tolist(), "factor": factor.tolist()}
    accuracy = float(
        (estimator.predict(see(data.x["validation"], shift, factor, spec["view"])) == data.y["validation"]).mean()
    )
    return {
        "status": "ok",
        "weights_hash": weights_hash(estimator),
        "parameters": _module(spec).parameters(estimator),
        "validation": {"accuracy": accuracy},
        **facts,
        "costs": {"train_seconds": round(seconds, 4)},
    }


def see(x: np.ndarray, shift: np.ndarray, factor: np.ndarray, view: str) -> np.ndarray:
    """Raw items (N, ...) scaled, and in the view that the model takes."""
    extent = (-1,) + (1,) * (x.ndim - 2)
    return views.VIEWS[view]((x.astype(np.float32) - shift.reshape(extent)) * factor.reshape(extent))


def load_estimator(folder: Path) -> tuple[Any, ModuleType]:
    """(estimator, its module) of a finished cell; CellError where the file holds a type that is not trusted."""
    module = _module(read_json(folder / "spec.json"))
    unknown = set(skops.io.get_untrusted_types(file=folder / MODEL)) - set(module.TRUSTED)
    if unknown:
        raise CellError(f"{folder / MODEL}: holds types that {module.__name__} does not trust: {sorted(unknown)}")
    return skops.io.load(folder / MODEL, trusted=module.TRUSTED), module


def weights_hash(estimator: Any) -> str:
    """Digest of the fitted arrays, whose names end in an underscore."""
    fitted = {k: np.asarray(v) for k, v in vars(estimator).items() if k.endswith("_") and not k.startswith("__")}
    return fingerprint.of_json(
        [[k, str(v.dtype), v.shape, v.tobytes().hex()] for k, v in sorted(fitted.items()) if v.dtype != object]
    )


def _balanced(y: np.ndarray, seed: int) -> np.ndarray:
    """Indices (N,) drawn so that each class is equally likely."""
    share = 1.0 / np.bincount(y)[y]
    return np.sort(np.random.default_rng([seed, 2]).choice(len(y), len(y), p=share / share.sum()))


def _module(spec: dict[str, Any]) -> ModuleType:
    return importlib.import_module(f"pipeline.{spec['model'].replace('/', '.')}")
