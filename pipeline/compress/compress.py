"""A compress cell: one seed of an experiment taken through a variant's steps."""

import importlib
from pathlib import Path
from typing import Any

from pipeline import fingerprint
from pipeline.cells import read_json
from pipeline.data import dataset


def run(spec: dict[str, Any], folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    """Write `baseline.onnx` (float32) and `model.onnx` (compressed). Only training items may be looked at."""
    made = read_json(inputs["model"] / "result.json")
    if made["status"] == "failed":
        return {"status": "failed", "reason": made["reason"]}
    data = dataset.load(inputs["data"], spec["budget"], spec["seed"], ("train",))
    for step in spec["steps"]:
        options = {k: v for k, v in step.items() if k != "method"}
        method = importlib.import_module(f"pipeline.compress.methods.{step['method']}")
        method.apply(inputs["model"], folder, data, seed=spec["seed"], threads=spec["threads"], **options)
    digest = fingerprint.of_file(folder / "model.onnx")
    return {"status": "ok", "weights_hash": digest, **{k: made[k] for k in ("shape", "classes", "probabilistic")}}
