"""Registered versions of small models of each kind of data, made of real cells, without a store."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.models import Model

from pipeline.cells import store
from pipeline.cells.cell import read_json
from pipeline.data.spec import Column
from pipeline.tracking import models
from pipeline.tracking.records import Roots
from tests.data.preparing import Project, series

COLUMNS = [
    Column(name="age"),
    Column(name="island", names=["Biscoe", "Dream", "Torgersen"]),
    Column(name="sex", names=["female", "male"]),
    Column(name="bill length"),
]
IMPUTED = [None, None, "male", 43.5]  # age and island have to be there
ROW = {"age": 3.0, "island": "Dream", "sex": "female", "bill length": 39.1}
EXPANDED = [3.0, 0, 1, 0, 1, 0, 39.1]
SETTING = {"task": "classification", "seed": 0, "threads": 1, "budget": {"epochs": 2}}
GRADIENT = {"recipe": {"kind": "gradient", "batch_size": 16}, "precision": "32-true", "start": None}
VIEWS = {"pets": "none", "pixels": "flatten", "tracks": "flatten"}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "svm": ("classical/svm", {}),
    "knn": ("classical/knn", {"k": 3}),
    "tree": ("classical/decision_tree", {}),
    "mlp": ("models/mlp", {"hidden": [8]}),
}
STEPS = {"onnx": {}, "static_int8": {"calibration_samples": 16}}


def make(root: Path) -> None:
    """`versions/<data>-<model>` below `root`: of a table with names, of images, of series, of some that are padded."""
    for data, view in VIEWS.items():
        prepared = _prepared(root, data)
        for name, (model, args) in MODELS.items():
            network = model.startswith("models/")
            asked = {"data": data, "model": model, "view": view, "args": args, "recipe": {"kind": "fit"}}
            asked |= SETTING | (GRADIENT if network else {})
            entry = "pipeline.training.train" if network else "pipeline.classical._fit"
            cell = _cell(root / "cells" / f"{data}-{name}", entry, asked, data=prepared)
            _version(root, f"{data}-{name}", cell)
            for method, options in STEPS.items() if network else ():
                step = SETTING | {"data": data, "method": method, "options": options}
                target = root / "cells" / f"{data}-{method}"
                cell = _cell(target, "pipeline.compress.compress", step, data=prepared, model=cell)
        _version(root, f"{data}-int8", cell)
    prepared = _prepared(root, "walks")
    recurrent = {"data": "walks", "model": "models/gru", "view": "none", "args": {"hidden": 4}} | SETTING | GRADIENT
    _version(root, "walks-gru", _cell(root / "cells/walks-gru", "pipeline.training.train", recurrent, data=prepared))


def _prepared(root: Path, data: str) -> Path:
    """60 items of three classes."""
    rng = np.random.default_rng(0)
    shape: list[int] = []
    if data == "pets":
        words = [rng.integers(len(c.names), size=60) for c in COLUMNS if c.names]
        islands, sexes = np.eye(3)[words[0]], np.eye(2)[words[1]]
        x = np.column_stack([rng.uniform(1, 9, 60), islands, sexes, rng.normal(40, 5, 60)])
    elif data == "pixels":
        x, shape = rng.integers(0, 256, (60, 1, 8, 8)).astype(np.uint8), [1, 8, 8]
    else:
        x, shape = series(*([6] * 60 if data == "tracks" else [4, 5, 6] * 20)), [6, 2]
    (root / data).mkdir()
    folder = Project(root / data).prepare({"x_train": x, "y_train": np.arange(60) % 3}, shape=shape)
    if data == "pets":  # what a reader of a table with a header says of it
        names = {"columns": [c.model_dump() for c in COLUMNS], "imputed": IMPUTED}
        (folder / "meta.json").write_text(json.dumps(read_json(folder / "meta.json") | names))
    store.seal(folder, "0" * 32)
    place = Roots(root).prepared(data)
    place.parent.mkdir(parents=True, exist_ok=True)
    return folder.rename(place)


def _cell(folder: Path, entry: str, asked: dict[str, Any], **inputs: Path) -> Path:
    found = store.execute("0" * 32, folder, entry, asked, {name: str(path) for name, path in inputs.items()})
    assert found["status"] == "ok", found
    return folder


def _version(root: Path, name: str, cell: Path) -> None:
    target = root / "versions" / name
    target.mkdir(parents=True)
    line = {"name": name, "version": 1, "artifact_hash": read_json(cell / "result.json")["weights_hash"]}
    models.build(target, line, cell, Roots(root), Model())
