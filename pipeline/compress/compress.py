"""A compress cell: one step of a variant, from the model that the step before has left."""

import importlib
from pathlib import Path
from typing import Any

from pipeline.cells.cell import read_json
from pipeline.compress.spec import Spec
from pipeline.data import dataset
from pipeline.data.spec import Facts
from pipeline.formats import model as formats
from pipeline.formats.files import format_of
from pipeline.training.spec import Architecture

CARRIED = (*Facts.model_fields, "probabilistic")  # what a model of any format says of itself


def run(spec: Spec, folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    """Write the compressed model, in whatever format the method makes. Only training items may be looked at.

    ValueError of a method is a result of status `failed`.
    """
    made = read_json(inputs["model"] / "result.json")
    if made["status"] == "failed":
        return {"status": "failed", "reason": made["reason"]}
    data = dataset.load(inputs["data"], spec.budget, spec.seed, ("train",))
    method = importlib.import_module(f"pipeline.compress.methods.{spec.method}")
    try:
        method.apply(inputs["model"], folder, data, seed=spec.seed, threads=spec.threads, **spec.options)
    except ValueError as error:
        return {"status": "failed", "reason": str(error)}
    dataset.carry(inputs["model"], folder)
    facts = {name: made[name] for name in CARRIED if name in made}
    if format_of(folder) == "safetensors":  # to be built again, and by another step too
        asked = read_json(inputs["model"] / "spec.json")
        facts["network"] = made.get("network") or {name: asked[name] for name in Architecture.model_fields}
    return {"status": "ok", "weights_hash": formats.weights_hash(folder), **facts}
