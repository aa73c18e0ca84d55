"""Networks over tokens trained with everything on, against a hand-written loop over the same batches.

The LSTM tagger, and the Transformer with encoder and decoder. Nothing is random but the order of batches, and weights
are not averaged, so that both have the same losses. A run ends with its weights: what a cell does with them afterwards,
above all writing translations of the validation items for their BLEU, is no part of either time.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

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

ROWS: dict[str, dict[str, Any]] = {
    "tr_web_lstm": {"args": {"embedding_dropout": 0.0}},
    "en_fr_transformer": {"args": {"dropout": 0.0}, "set": {"ema": 0.0}},
}
ROUNDS, LIMIT = 5, 1.10
BUDGET = Budget(samples=1600, validation=200, epochs=2)


def measure() -> Iterator[Figure]:
    """Wall and CPU seconds of the whole training in turn, one thread; a warm-up of each first."""
    plan = Plan(loading.load())
    Run(executor(1)).fill([plan.data(row) for row in ROWS])
    for row, changed in ROWS.items():
        spec = parsed(train.Spec, plan.trial(row, 0, changed).asked | {"budget": BUDGET})
        data = dataset.load(plan.data(row).folder, BUDGET, 0, ("train", "validation"))
        pairs = []
        for round_ in range(ROUNDS + 1):
            (ours, found), (theirs, expected) = (clocked(partial(run, spec, data)) for run in (lab, loop))
            if not np.allclose(found, expected, rtol=1e-4):
                raise AssertionError(f"{row}: losses differ: {found}, {expected}")
            if round_:
                pairs.append((ours, theirs))
        for index, clock in enumerate(("wall", "CPU")):
            mine, others = ([times[side][index] for times in pairs] for side in (0, 1))
            yield compared(f"training, {row}, {clock}", "hand-written loop", mine, others, "s", LIMIT)


def loop(spec: train.Spec, data: dataset.Dataset) -> list[float]:
    """The peer: gather and pad, forward, backward, clip, step; losses summed without metrics."""
    train.seed_everything(spec.seed, 1)
    recipe, epochs = spec.recipe, spec.budget.epochs
    scale = dataset.scaling(data.meta["statistics"], recipe.scaling, "none")
    body = networks.build(spec, data.facts(len(data.classes) or data.tokens), scale).body
    x, y, size = data.x["train"], data.y["train"], recipe.batch_size
    optimizer = optimizers.optimizer(body, recipe)
    schedule = optimizers.schedule(optimizer, recipe, epochs * -(-len(x) // size))
    draws = train.Batches(data.kind, x, y, size, spec.seed)
    order = np.argsort(data.x["validation"].lengths, kind="stable")  # type: ignore[union-attr]
    seen = [batch(data, "validation", places) for places in np.array_split(order, 4)]
    counts = [int((targets != IGNORED).sum()) for _, targets in seen]
    losses = []
    for epoch in range(epochs):
        body.train()
        total = 0.0
        for chosen in draws.order(epoch).split(size):
            loss = loss_of(body, *batch(data, "train", chosen.numpy()), recipe.label_smoothing)
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
            judged = sum(loss_of(body, *part).item() * n for part, n in zip(seen, counts, strict=True))
        losses += [total / len(x), judged / sum(counts)]
    return losses


def batch(data: dataset.Dataset, split: str, places: np.ndarray) -> tuple[tuple[Tensor, ...], Tensor]:
    """What the network is given, and targets, int64 (n, T) each, T the longest of these.

    A network that writes sentences is also given the tokens before each one that it predicts.
    """
    x, y = (torch.from_numpy(items[split][places]).long() for items in (data.x, data.y))
    return ((x, y[:, :-1].clamp_min(0)), y[:, 1:]) if data.meta["writes"] else ((x,), y)


def loss_of(body: nn.Module, given: tuple[Tensor, ...], y: Tensor, smoothing: float = 0.0) -> Tensor:
    scores = body(*given).flatten(0, 1)
    return functional.cross_entropy(scores, y.flatten(), ignore_index=IGNORED, label_smoothing=smoothing)
