"""On a GPU: ResNet-20 in bf16-mixed and as one compiled graph, and what a step of each architecture takes."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from bench.figures import Figure, alone, compared
from pipeline.cells.cell import parsed
from pipeline.config import loading
from pipeline.data import dataset
from pipeline.data.spec import Budget
from pipeline.run.fill import Run, executor
from pipeline.run.plan import Plan
from pipeline.training import compiled, optimizers, train

NEEDS_GPU = True
ROUNDS, ITEMS, STEPS = 4, 50_000, 20
PLAIN: dict[str, Any] = {"precision": "32-true", "compile": False}
HALF: dict[str, Any] = {"precision": "bf16-mixed", "compile": False}
FAST: dict[str, Any] = {"precision": "bf16-mixed", "compile": True}


def measure() -> Iterator[Figure]:
    """Epochs of one run each way, the first left out: it compiles, for up to a minute. Then steps, row by row."""
    plan = Plan(loading.load(profile="paper"))
    prepared = plan.prepare("fashion_mnist")
    Run(executor(1)).fill([prepared])
    budget = Budget(samples=ITEMS, validation=1000, epochs=ROUNDS + 1)
    data = dataset.load(prepared.folder, budget, 0, ("train", "validation"))
    for size in (128, 1024):
        plain = epochs(plan, data, budget, {**PLAIN, "batch_size": size})
        for name, way in (("bf16-mixed", HALF), ("bf16-mixed and compiled", FAST)):
            if way is FAST and size > 128:
                continue  # another minute for the compiler
            ours, limit = epochs(plan, data, budget, {**way, "batch_size": size}), 0.5 if way is FAST else None
            yield compared(f"ResNet-20, batch {size}, {name}, an image", "32-true, eager", ours, plain, "us", limit)
    experiments = plan.params.experiments.items()
    for row in [k for k, e in experiments if e.data == "fashion_mnist" and e.model.startswith("models/")]:
        yield alone(f"{row}: a step, 32-true, eager", step(plan, data, row), "ms", None)


def epochs(plan: Plan, data: dataset.Dataset, budget: Budget, changes: dict[str, Any]) -> list[float]:
    """Microseconds of one training item, in each epoch after the first; what judging takes is in it."""
    asked = plan.trial("fmnist_resnet20", 0, {"set": changes, "args": {}}).asked | {"budget": budget}
    spec = parsed(train.Spec, asked)
    train.seed_everything(0, spec.threads)
    with tempfile.TemporaryDirectory() as folder:
        system = train.assemble(spec, data)
        train.fit(system, spec.precision, Path(folder))
    return [1e6 * row["seconds"] / len(data.y["train"]) for row in system.history[1:]]


def step(plan: Plan, data: dataset.Dataset, row: str) -> list[float]:
    """Milliseconds of an update of a batch on the GPU, as the row asks for it but eager, of STEPS after a warm-up."""
    spec = parsed(train.Spec, plan.trial(row, 0, {"set": {"compile": False}, "args": {}}).asked)
    train.seed_everything(0, spec.threads)
    system = train.assemble(spec, data).cuda()
    system.feed.train.to(system.device)
    system.feed.begin(0)
    share = system.feed.chunk(0)[0]
    gradients = compiled.gradients(lambda x, y: _objective(system, x, y), False)
    optimizer = optimizers.optimizer(system.network.body, system.recipe)
    times = []
    for _ in range(STEPS + 5):
        torch.cuda.synchronize()
        began = time.perf_counter()
        optimizer.zero_grad()
        gradients(share.x, share.y)
        optimizer.step()
        torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - began))
    return times[5:]


def _objective(system: Any, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    loss, scores = system.loss(x, y)
    return loss, loss, scores
