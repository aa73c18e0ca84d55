"""Training with everything on, against a hand-written loop over tensor batches: same network, data and losses."""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from bench.figures import Figure, clocked, compared
from pipeline.cells.cell import Execution, parsed
from pipeline.config import loading
from pipeline.data import dataset
from pipeline.data.spec import Budget
from pipeline.run.fill import Run, executor
from pipeline.run.plan import Plan
from pipeline.training import network as networks
from pipeline.training import optimizers, train

ROUNDS = 7
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any], float]] = {
    "LeNet-5, batch 128": ("fmnist_lenet5", {"batch_size": 128, "lr": 0.003}, {}, 1.05),
    "MLP 784-64-10, batch 64": ("fmnist_mlp", {"batch_size": 64}, {"hidden": [64]}, 1.15),
}


def measure() -> Iterator[Figure]:
    """Wall and CPU seconds of the whole training in turn, one thread; a warm-up of each first."""
    plan = Plan(loading.load())
    prepared = plan.prepare("fashion_mnist")
    Run(executor(1)).fill([prepared])
    for case, (key, changed, arguments, limit) in CASES.items():
        budget = Budget(samples=12800, validation=2000, epochs=20 if "MLP" in case else 3)
        asked = plan.trial(key, 0, {"set": changed, "args": arguments}).asked | {"budget": budget}
        spec = parsed(train.Spec, asked)
        data = dataset.load(prepared.folder, budget, 0, ("train", "validation"))
        ours: list[tuple[float, float]] = []
        theirs: list[tuple[float, float]] = []
        for round_ in range(ROUNDS + 1):
            (ours_took, found), (peer_took, expected) = (clocked(partial(run, spec, data)) for run in (lab, loop))
            if any(abs(a - b) > 5e-6 for a, b in zip(found, expected, strict=True)):
                raise AssertionError(f"{case}: losses differ: {found}, {expected}")
            if round_:
                ours.append(ours_took)
                theirs.append(peer_took)
        for index, clock in enumerate(("wall", "CPU")):
            yield compared(
                f"training, {case}, {clock}",
                "hand-written loop",
                [t[index] for t in ours],
                [t[index] for t in theirs],
                "s",
                limit,
            )


def lab(spec: train.Spec, data: dataset.Dataset) -> list[float]:
    """Ours: Lightning, metrics, progress, history, a checkpoint a second instead of in 20."""
    train.seed_everything(spec.seed, 1)
    with tempfile.TemporaryDirectory() as folder:
        system = train.assemble(spec, data)
        train.fit(system, spec.precision, Path(folder), execution=Execution(checkpoint_seconds=1.0))
        train.write_rows(Path(folder) / "history.csv", list(system.history[0]), system.history)
        networks.save(system.network, Path(folder))
    return [row[name] for row in system.history for name in ("train_loss", "validation_loss")]


def loop(spec: train.Spec, data: dataset.Dataset) -> list[float]:
    """The peer: inputs scaled once, then gather, forward, backward, step; losses summed without metrics."""
    train.seed_everything(spec.seed, 1)
    recipe, epochs = spec.recipe, spec.budget.epochs
    scale = dataset.scaling(data.meta["statistics"], recipe.scaling, "none")
    network = networks.build(spec, data.facts(len(data.classes)), scale)
    body, size, count = network.body, recipe.batch_size, len(data.y["train"])
    x, y = network.prepare(torch.from_numpy(data.x["train"])), torch.from_numpy(data.y["train"])
    seen, labels = network.prepare(torch.from_numpy(data.x["validation"])), torch.from_numpy(data.y["validation"])
    optimizer = optimizers.optimizer(body, recipe)
    schedule = optimizers.schedule(optimizer, recipe, epochs * -(-count // size))
    losses = []
    draws = train.Batches(data.kind, data.x["train"], data.y["train"], size, spec.seed)
    for epoch in range(epochs):
        body.train()
        total = torch.zeros(())
        for chosen in draws.order(epoch).split(size):
            loss = functional.cross_entropy(body(x.index_select(0, chosen)), y.index_select(0, chosen))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if schedule:
                schedule.step()
            total += loss.detach() * len(chosen)
        body.eval()
        with torch.no_grad():
            parts = zip(seen.split(1000), labels.split(1000), strict=True)
            judged = sum(functional.cross_entropy(body(a), b).item() * len(b) for a, b in parts)
        losses += [total.item() / count, judged / len(labels)]
    return losses
