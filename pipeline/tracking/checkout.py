"""A registered version's weights as a cell, for what starts from them."""

import shutil
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from pipeline.data import dataset
from pipeline.tracking.commands import load
from pipeline.tracking.records import REMAKE
from pipeline.tracking.spec import Spec
from pipeline.training.loading import TRAINED
from pipeline.training.network import WEIGHTS, weights_hash


def run(spec: Spec, folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    """Copy the weights of `name`, `version`, the specification that they were trained by, and its tokenizer if any.

    ValueError where they are not what registry.jsonl says of it.
    """
    version = f"{spec.name}/{spec.version}"
    registered = load(version)
    shutil.copyfile(registered / WEIGHTS, folder / WEIGHTS)
    shutil.copyfile(registered / "spec.json", folder / TRAINED)
    dataset.carry(registered, folder)
    found = weights_hash(load_file(folder / WEIGHTS))
    if found != spec.artifact_hash:
        raise ValueError(
            f"{version}: its weights hash to {found[:12]}..., registry.jsonl says {spec.artifact_hash[:12]}...; "
            + REMAKE
        )
    return {"status": "ok", "weights_hash": found}
