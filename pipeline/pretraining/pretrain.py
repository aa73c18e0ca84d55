"""A pretrain cell: a network without its head, trained by a method that needs no labels, and its weights."""

import importlib
from pathlib import Path
from typing import Any

from torch import nn

from pipeline.data import dataset, views
from pipeline.data.batches import Batches
from pipeline.pretraining.spec import Spec
from pipeline.tasks._task import find
from pipeline.training import network as networks
from pipeline.training.blocks import head_name, replace
from pipeline.training.randomness import seed_everything
from pipeline.training.system import Diverged, System
from pipeline.training.train import fit, halved, owner_of, write_rows


def run(spec: Spec, folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    """Train one seed on the training items; what would happen again is a result of status `failed`."""
    seed_everything(spec.seed, spec.threads)
    data = dataset.load(inputs["data"], spec.budget, spec.seed, ("train", "validation"))
    try:
        system, body = assemble(spec, data)
        fit(system, spec.precision, folder, owner_of(spec))
    except (Diverged, ValueError) as error:
        return {"status": "failed", "reason": str(error)}
    write_rows(folder / "history.csv", list(system.history[0]), system.history)
    system.network.body = body
    last, metric = system.history[-1], system.task.metric
    return {
        "status": "ok",
        "weights_hash": networks.save(system.network, folder),
        "parameters": sum(p.numel() for p in body.parameters()),
        "validation": {name: last[f"validation_{name}"] for name in (metric, "loss")},
        "costs": {"train_seconds": round(sum(row["seconds"] for row in system.history), 4), **halved(system)},
    }


def assemble(spec: Spec, data: dataset.Dataset) -> tuple[System, nn.Module]:
    """The system of a cell's specification, and the network without its head that is trained in it.

    The loss is that of the wrapped network, and the method says by which score it is followed.
    """
    recipe = spec.recipe
    method = importlib.import_module(f"pipeline.pretraining.methods.{spec.method}")
    scale = dataset.scaling(data.meta["statistics"], recipe.scaling, spec.view)
    network = networks.build(spec, data.facts(find(spec.task).outputs(data.classes)), scale)
    body = network.body
    head = replace(body, head_name(body), nn.Identity())
    network.body = method.wrap(body, head.in_features, views.shape(spec.view, data.shape), **spec.options)
    train = Batches(data.kind, data.x["train"], data.target("train"), recipe.batch_size, spec.seed)
    validation = Batches(data.kind, data.x["validation"], data.target("validation"), 1000, 0)
    return System(network, method.JUDGE, recipe, train, validation, spec.budget.epochs), body
