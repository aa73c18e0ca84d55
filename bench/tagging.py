"""The LSTM tagger trained with everything on, against a hand-written loop over the same batches."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.figures import Figure, clocked, compared
from bench.training import lab
from pipeline.cells.cell import parsed
from pipeline.config import loading
from pipeline.data import dataset
from pipeline.data.dataset import IGNORED
from pipeline.data.spec import Budget
from pipeline.run.fill import Run, executor
from pipeline.run.plan import Plan
from pipeline.training import network as networks
from pipeline.training import optimizers, train

ROW, ROUNDS, LIMIT = "tr_web_lstm", 5, 1.10
BUDGET = Budget(samples=1600, validation=200, epochs=3)


def measure() -> Iterator[Figure]:
    """Wall and CPU seconds of the whole training in turn, one thread; a warm-up of each first."""
    plan = Plan(loading.load())
    prepared = plan.data(ROW)
    Run(executor(1)).fill([prepared])
    asked = plan.trial(ROW, 0, {"args": {"embedding_dropout": 0.0}}).asked  # so that both have the same losses
    spec = parsed(train.Spec, asked | {"budget": BUDGET})
    data = dataset.load(prepared.folder, BUDGET, 0, ("train", "validation"))
    pairs = []
    for round_ in range(ROUNDS + 1):
        (ours, found), (theirs, expected) = (clocked(partial(run, spec, data)) for run in (lab, loop))
        if not np.allclose(found, expected, rtol=1e-4):
            raise AssertionError(f"{ROW}: losses differ: {found}, {expected}")
        if round_:
            pairs.append((ours, theirs))
    for index, clock in enumerate(("wall", "CPU")):
        mine, others = ([times[side][index] for times in pairs] for side in (0, 1))
        yield compared(f"training, {ROW}, {clock}", "hand-written loop", mine, others, "s", LIMIT)


def loop(spec: train.Spec, data: dataset.Dataset) -> list[float]:
    """The peer: gather and pad, forward, backward, clip, step; losses summed without metrics."""
    train.seed_everything(spec.seed, 1)
    recipe, epochs = spec.recipe, spec.budget.epochs
    scale = dataset.scaling(data.meta["statistics"], recipe.scaling, "none")
    body = networks.build(spec, data.facts(len(data.classes)), scale).body
    x, y, size = data.x["train"], data.y["train"], recipe.batch_size
    optimizer = optimizers.optimizer(body, recipe)
    schedule = optimizers.schedule(optimizer, recipe, epochs * -(-len(x) // size))
    draws = train.Batches(data.kind, x, y, size, spec.seed)
    order = np.argsort(data.x["validation"].lengths, kind="stable")  # type: ignore[union-attr]
    seen = [batch(data, "validation", torch.from_numpy(places)) for places in np.array_split(order, 4)]
    losses = []
    for epoch in range(epochs):
        body.train()
        total = 0.0
        for chosen in draws.order(epoch).split(size):
            loss = loss_of(body, *batch(data, "train", chosen))
            optimizer.zero_grad()
            loss.backward()
            if recipe.gradient_clip:
                nn.utils.clip_grad_norm_(body.parameters(), recipe.gradient_clip)
            optimizer.step()
            if schedule:
                schedule.step()
            total += loss.item() * len(chosen)
        body.eval()
        with torch.no_grad():
            counts = [int((tags != IGNORED).sum()) for _, tags in seen]
            judged = sum(loss_of(body, *part).item() * n for part, n in zip(seen, counts, strict=True))
        losses += [total / len(x), judged / sum(counts)]
    return losses


def batch(data: dataset.Dataset, split: str, places: Tensor) -> tuple[Tensor, Tensor]:
    """Tokens and tags (n, T), int64, T the longest of these."""
    x, y = data.x[split][places.numpy()], data.y[split][places.numpy()]
    return torch.from_numpy(x).long(), torch.from_numpy(y)


def loss_of(body: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return functional.cross_entropy(body(x).flatten(0, 1), y.flatten(), ignore_index=IGNORED)
