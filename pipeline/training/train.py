"""A train cell of a network: data in memory, one System, one Trainer, weights and history out.

On several devices each process runs all of this, and the first one writes.
"""

import csv
import logging
import math
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.environments import LightningEnvironment

from pipeline import introspection
from pipeline.cells import fingerprint, provenance
from pipeline.cells.cell import DEFAULT_EXECUTION, Execution
from pipeline.data import dataset
from pipeline.data.batches import Batches, in_order
from pipeline.tasks._task import find
from pipeline.training import distributed, features, initialisation, randomness, transfer
from pipeline.training import network as networks
from pipeline.training.callbacks import Checkpoint, Paused, Progress
from pipeline.training.distributed import Ranks, Unavailable
from pipeline.training.health import COLUMNS
from pipeline.training.randomness import seed_everything
from pipeline.training.spec import Model, Spec
from pipeline.training.system import Diverged, System
from pipeline.training.vocabulary import require_tokens


class Interrupted(RuntimeError):
    """Training did not come to its last epoch as asked; Lightning alone would call that success."""


def run(spec: Spec, folder: Path, inputs: dict[str, Path], execution: Execution = DEFAULT_EXECUTION) -> dict[str, Any]:
    """Train one seed. What would happen again is a result of status `failed`; what may not raises.

    Status `paused`, with the epochs so far as `history`: it stopped where `execution` says, and goes on another time.
    """
    data = dataset.load(inputs["data"], spec.budget, spec.seed, ("train", "validation"))
    work = partial(_train, spec, data, folder, inputs, execution)
    return distributed.together(execution.devices, work, execution.timeout)  # type: ignore[no-any-return]


def _train(
    spec: Spec, data: dataset.Dataset, folder: Path, inputs: dict[str, Path], execution: Execution
) -> dict[str, Any]:
    """In each of the processes that train together."""
    facts = data.facts(find(spec.task).outputs(data.classes, data.tokens)).model_dump()
    seed_everything(spec.seed, spec.threads)
    system = None
    try:
        whole, began = assemble(spec, data), time.perf_counter()
        system = whole
        if spec.start:
            require_tokens(spec.start, inputs["start"], inputs["data"])
            system = transfer.begin(whole, spec, inputs["start"], inputs.get("features"))
        spent = time.perf_counter() - began
        try:
            fit(system, spec.precision, folder, owner_of(spec), execution)
        except ValueError as error:
            if (
                system.ranks.size > 1 and system.feed.begun
            ):  # it may be this process's alone, and the others wait for it
                raise RuntimeError(f"process {system.ranks.rank} of {system.ranks.size}: {error}") from error
            raise
    except Paused:
        return {"status": "paused", "history": [] if whole.ranks.rank else whole.history}
    except (Diverged, ValueError) as error:
        return {"status": "failed", "reason": str(error), "health": _health(system, folder), **facts}
    smaller = halved(system)
    if system.ranks.rank:
        return {}
    write_rows(folder / "history.csv", list(system.history[0]), system.history)
    digest = networks.save(whole.network, folder)
    dataset.carry(inputs["data"], folder)
    parameters = sum(p.numel() for p in whole.network.body.parameters())
    kept = system.ending.kept(system.history)
    answering = networks.Answering(whole.network.eval(), inputs["data"])
    validation = find(spec.task).validated(answering, data)
    validation |= {name: kept[f"validation_{name}"] for name in (system.task.watched, "loss")}
    before = features.seconds(inputs.get("features"))
    spent += sum(row["seconds"] for row in system.history)
    costs: dict[str, Any] = {"train_seconds": round(spent + sum(before.values()), 4), **before, **smaller}
    if system.ranks.size > 1:
        costs |= {"devices": system.ranks.size, "processor": provenance.processor()}
    return {
        "status": "ok",
        "weights_hash": digest,
        "parameters": parameters,
        "probabilistic": whole.network.probabilistic,
        "validation": validation,
        "epochs": {"run": len(system.history), "kept": int(kept["epoch"]) + 1, "ended": system.ending.reason},
        "health": _health(system, folder),
        **facts,
        "costs": costs,
    }


def halved(system: System) -> dict[str, int]:
    """`micro_batch`, as it is said among the costs: where a process did not take its whole share at once."""
    micro_batch = min(system.ranks.gather(system.micro_batch))
    whole = math.ceil(system.recipe.batch_size / system.ranks.size)
    return {"micro_batch": micro_batch} if micro_batch < whole else {}


def owner_of(spec: Model) -> dict[str, str]:
    """What a checkpoint is of. Its folder is named by the cell's key, which says more; files may have been moved."""
    return {"model": spec.model, "key": fingerprint.of_json(spec.model_dump(mode="json"))}


def assemble(spec: Spec, data: dataset.Dataset, kind: type[System] = System) -> System:
    """The system of a cell's specification, on its data; ValueError where the two don't fit."""
    recipe, task = spec.recipe, find(spec.task)
    if why := introspection.refused(spec.model, spec.args, recipe.model_dump(), task.target, data.meta["refit"]):
        raise ValueError(why)
    scale = dataset.scaling(data.meta["statistics"], recipe.scaling, spec.view)
    network = networks.build(spec, data.facts(task.outputs(data.classes, data.tokens)), scale, data.target_scale)
    initialisation.apply(network.body, recipe.initialisation)
    balanced = recipe.sampling == "balanced"
    train = Batches(data.kind, data.x["train"], data.target("train"), recipe.batch_size, spec.seed, balanced)
    validation = Batches(data.kind, *in_order(data.x["validation"], data.target("validation")), 1000, 0)
    weight = None
    if recipe.sampling == "weighted":
        weight = torch.from_numpy(dataset.class_weights(data.y["train"], len(data.classes)))
    ranks = Ranks.here()
    if ranks.rank:
        randomness.seed(spec.seed, ranks.rank)  # the same start of the weights, but noise of its own
    return kind(network, task, recipe, train, validation, spec.budget.epochs, weight, ranks)


def fit(
    system: System,
    precision: Any,
    folder: Path,
    owner: dict[str, str] | None = None,
    execution: Execution = DEFAULT_EXECUTION,
) -> None:
    """Train to the last epoch, from the checkpoint in `folder` if a killed run left a sound one. owner: see Checkpoint.

    precision: where the recipe has none. Raises Unavailable where the device lacks it; Interrupted where a signal or
    Lightning itself ended the run early.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*num_workers.*")  # the loader only counts; the data is in memory
    warnings.filterwarnings("ignore", ".*LeafSpec.*")
    # Lightning has torch ask NVML whether there is a GPU, so that a fork stays possible; the optimizer asks at each
    # step, and without a driver that is 35 microseconds instead of 1. Nothing is forked from here.
    os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
    precision = system.recipe.precision or precision
    require_precision(precision)
    if torch.cuda.is_available():  # torch's newer switches, one a library, make Lightning's own question an error
        torch.set_float32_matmul_precision("high" if system.recipe.tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = system.recipe.tf32
    progress = Progress(folder)
    checkpoint = Checkpoint(folder, owner or {}, progress, execution)
    checkpoint.found = system.ranks.first(checkpoint.read)
    gpu = system.ranks.device.index
    trainer = pl.Trainer(
        accelerator="auto" if system.ranks.size == 1 else system.ranks.device.type,
        devices=1 if gpu is None else [gpu],
        plugins=[LightningEnvironment()],  # each process is one to Lightning, whatever torchrun or srun say
        precision=precision,
        max_epochs=system.epochs,
        callbacks=[progress, checkpoint],
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(system, weights_only=True)
    whole = len(system.history) == system.epochs or system.ending.reason
    if not whole or trainer.interrupted or trainer.received_sigterm:
        raise Interrupted(f"training ended after {len(system.history)} of {system.epochs} epochs")


def require_precision(precision: str) -> None:
    """Unavailable where this process's device lacks it: torch would emulate it, or train in another."""
    if precision == "16-mixed" and not torch.cuda.is_available():
        raise Unavailable("16-mixed needs a GPU: Lightning would quietly train in bf16-mixed; name that instead")
    if precision == "bf16-mixed" and torch.cuda.is_available() and not torch.cuda.is_bf16_supported(False):
        raise Unavailable(f"{torch.cuda.get_device_name()} has no bfloat16, it would be emulated; use 16-mixed")


def _health(system: System | None, folder: Path) -> list[str]:
    """What is wrong with the gradients of a run, and the looks at them in `health.csv`."""
    if system is None or system.ranks.rank or not system.health.rows:
        return []
    write_rows(folder / "health.csv", COLUMNS, system.health.rows)
    return system.health.findings()


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """As CSV, numbers with six digits."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
