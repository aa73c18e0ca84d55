"""A train cell of a network: data in memory, one System, one Trainer, weights and history out."""

import csv
import importlib
import logging
import os
import random
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from pipeline import signature
from pipeline.data import dataset
from pipeline.data.batches import Batches
from pipeline.training import network as networks
from pipeline.training import transfer
from pipeline.training.callbacks import Checkpoint, Progress
from pipeline.training.recipe import Gradient
from pipeline.training.system import Diverged, System


class Interrupted(RuntimeError):
    """Training did not come to its last epoch as asked; Lightning alone would call that success."""


def run(spec: dict[str, Any], folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    """Train one seed. What would happen again is a result of status `failed`; what may not raises."""
    seed_everything(spec["seed"], spec["threads"])
    data = dataset.load(inputs["data"], spec["budget"], spec["seed"], ("train", "validation"))
    facts = {"shape": list(data.shape), "classes": data.classes}
    try:
        system, began = assemble(spec, data), time.perf_counter()
        trained = transfer.begin(system, spec, inputs["start"]) if "start" in spec else system
        spent = time.perf_counter() - began
        fit(trained, spec["precision"], folder)
    except (Diverged, ValueError) as error:
        return {"status": "failed", "reason": str(error), **facts}
    write_history(folder / "history.csv", trained.history)
    digest = networks.save(system.network, folder)
    parameters = sum(p.numel() for p in system.network.body.parameters())
    last, metric = trained.history[-1], system.task.METRIC
    validation = {name: last[f"validation_{name}"] for name in (metric, "loss")}
    seconds = spent + sum(row["seconds"] for row in trained.history)
    return {
        "status": "ok",
        "weights_hash": digest,
        "parameters": parameters,
        "probabilistic": system.network.probabilistic,
        "validation": validation,
        **facts,
        "costs": {"train_seconds": round(seconds, 4)},
    }


def seed_everything(seed: int, threads: int) -> None:
    """One start for every random generator, and the same arithmetic wherever the cell runs."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False


def assemble(spec: dict[str, Any], data: dataset.Dataset) -> System:
    """The system of a cell's specification, on its data; ValueError where the two don't fit."""
    recipe = Gradient(**spec["recipe"])
    task = importlib.import_module(f"pipeline.tasks.{spec['task']}")
    if why := signature.refused(spec["model"], spec["args"], spec["recipe"], task.TARGET, data.meta["refit"]):
        raise ValueError(why)
    scale = dataset.scaling(data.meta["statistics"], recipe.scaling)
    network = networks.build(spec, data.shape, len(data.classes), scale, data.target_scale)
    balanced = recipe.sampling == "balanced"
    train = Batches(data.x["train"], data.target("train"), recipe.batch_size, spec["seed"], balanced)
    validation = Batches(data.x["validation"], data.target("validation"), 1000, 0)
    weight = None
    if recipe.sampling == "weighted":
        weight = torch.from_numpy(dataset.class_weights(data.y["train"], len(data.classes)))
    return System(network, task, recipe, train, validation, spec["budget"]["epochs"], weight)


def fit(system: System, precision: Any, folder: Path, checkpoint_seconds: float = 20.0) -> None:
    """Train to the last epoch, from the checkpoint in `folder` if a killed run left one.

    Raises Interrupted where a signal or Lightning itself ended it early.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*num_workers.*")  # the loader only counts; the data is in memory
    warnings.filterwarnings("ignore", ".*LeafSpec.*")
    # Lightning has torch ask NVML whether there is a GPU, so that a fork stays possible; the optimizer asks at each
    # step, and without a driver that is 35 microseconds instead of 1. Nothing is forked from here.
    os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
    if precision == "16-mixed" and not torch.cuda.is_available():
        raise Interrupted("16-mixed needs a GPU: Lightning would quietly train in bf16-mixed; name that instead")
    checkpoint = Checkpoint(folder, checkpoint_seconds)
    trainer = pl.Trainer(
        accelerator="auto",
        devices=1,
        precision=precision,
        max_epochs=system.epochs,  # type: ignore[arg-type]
        callbacks=[Progress(folder), checkpoint],
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    resume = checkpoint.path if checkpoint.path.is_file() else None
    trainer.fit(system, ckpt_path=resume, weights_only=True)
    if len(system.history) != system.epochs or trainer.interrupted or trainer.received_sigterm:
        raise Interrupted(f"training ended after {len(system.history)} of {system.epochs} epochs")


def write_history(path: Path, history: list[dict[str, float]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(history[0]), lineterminator="\n")
        writer.writeheader()
        for row in history:
            writer.writerow({k: v if isinstance(v, int) else f"{v:.6g}" for k, v in row.items()})
