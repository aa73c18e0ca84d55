"""What share of a core's matrix-product rate each architecture reaches in training.

Before: torch's own layers on contiguous images, an update parameter by parameter, eager. After: what the laboratory
does by default, and with `compile: true` in the recipe. A figure is the time of a step over the time that its
operations (three forward passes) would take at the rate of a large single-precision matrix product: the share is one
over it. All three ways have the memory settings of cells (`runner.MEMORY`).
"""

import json
import time
from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.nn import functional

from bench.figures import Figure, alone, apart
from pipeline.cells.cell import parsed
from pipeline.config import loading
from pipeline.data import dataset
from pipeline.data.spec import Budget
from pipeline.models._tiles import Tanh, TiledSequential
from pipeline.run.fill import Run, executor
from pipeline.run.plan import Plan
from pipeline.training import compiled, optimizers, train
from pipeline.training import network as networks
from pipeline.training.spec import Architecture

ROUNDS, SECONDS = 5, 1.0
WAYS = ((False, False), (True, False), (True, True))  # tuned, compiled
LIMITS = {"fmnist_resnet20": 1 / 0.6, "fmnist_lenet5": 1 / 0.3}


def measure() -> Iterator[Figure]:
    """Of `work`, in a process of its own."""
    Run(executor(1)).fill([Plan(loading.load()).prepare("fashion_mnist")])
    for name, values, limit in apart("bench.throughput"):
        yield alone(name, values, "x", limit)


def work() -> Iterator[tuple[str, list[float], float | None]]:
    """One thread, the row's own batch size; ways in turn, each warmed up first."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    plan = Plan(loading.load())
    prepared = plan.prepare("fashion_mnist")
    images = [
        k for k, e in plan.params.experiments.items() if e.data == "fashion_mnist" and e.model.startswith("models/")
    ]
    for row in images:
        spec = parsed(train.Spec, plan.train(row, 0).asked)
        data = dataset.load(prepared.folder, Budget(samples=1000, epochs=1), 0, ("train",))
        before, after, fused = (_step(spec, data, tuned, fuse) for tuned, fuse in WAYS)
        ideal = 3 * networks.flops(_network(spec, data), data.x["train"][:1]) * spec.recipe.batch_size
        times = [[_seconds(step) * _rate() / ideal for step in (before, after, fused)] for _ in range(ROUNDS)]
        plain, chosen, compiled = (list(column) for column in zip(*times, strict=True))
        yield f"{row}: a step over its operations, before", plain, None
        yield f"{row}: a step over its operations, by default", chosen, None
        yield f"{row}: a step over its operations, compiled", compiled, LIMITS.get(row)


def _network(spec: Architecture, data: dataset.Dataset) -> networks.Network:
    scale = dataset.scaling(data.meta["statistics"], spec.recipe.scaling, "none")
    return networks.build(spec, data.facts(len(data.classes)), scale)


def _step(spec: Architecture, data: dataset.Dataset, tuned: bool, fuse: bool) -> Callable[[], object]:
    """A training step on one batch that is in memory, with the network's own loss where it has one."""
    train.seed_everything(0, 1)
    recipe, network = spec.recipe, _network(spec, data)
    body = network.body if tuned else _layer_by_layer(network.body).to(memory_format=torch.contiguous_format)
    x = network.prepare(torch.from_numpy(data.x["train"][: recipe.batch_size]))
    y = torch.from_numpy(data.y["train"][: recipe.batch_size])
    own = getattr(body, "training_loss", None)

    def objective(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        if own:
            loss, scores = own(x, y)
        else:
            scores = body(x)
            loss = functional.cross_entropy(scores, y)
        return loss, loss, scores

    if fuse:
        torch.compiler.reset()  # or rows before this one count against how often a function may be compiled
    gradients = compiled.gradients(objective, fuse)
    if tuned:
        optimizer = optimizers.optimizer(body, recipe)
    else:
        optimizer = torch.optim.AdamW(body.parameters(), recipe.lr, foreach=False, fused=False)

    def step() -> None:
        optimizer.zero_grad()
        gradients(x, y)
        optimizer.step()

    for _ in range(3):
        step()
    return step


def _layer_by_layer(body: nn.Module) -> nn.Module:
    """The same network of torch's own layers."""
    if not isinstance(body, TiledSequential):
        return body
    return nn.Sequential(*[nn.Tanh() if isinstance(layer, Tanh) else layer for layer in body])


def _seconds(step: Callable[[], object]) -> float:
    """Of one step, over about a second. Of the processor: what other processes take in between is no part of it."""
    steps, started = 0, time.process_time()
    while time.process_time() - started < SECONDS:
        step()
        steps += 1
    return (time.process_time() - started) / steps


def _rate() -> float:
    """Floating-point operations a second of a product of 1024 x 1024 matrices, the best of five."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)

    def product() -> float:
        started = time.process_time()
        torch.mm(a, b)
        return time.process_time() - started

    return 2 * 1024**3 / min(product() for _ in range(5))


if __name__ == "__main__":
    for figure in work():
        print(json.dumps(figure), flush=True)
