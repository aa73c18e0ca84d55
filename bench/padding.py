"""Training steps on texts in batches of nearly one length, against batches padded to the longest text of the corpus.

The same network, items, losses and updates; both are given their batches by the feed that training has, so what
gathering and padding cost is counted. Before that the network has to give equal scores in these batches, in those, and
to each item alone. Texts are whole, and once more cut to the length that the rows of the table have.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.figures import Figure, apart, compared
from pipeline.cells.cell import parsed
from pipeline.config import loading
from pipeline.data import dataset
from pipeline.data.ragged import Ragged
from pipeline.data.spec import Budget
from pipeline.run.fill import Run, executor
from pipeline.run.plan import Plan
from pipeline.training import optimizers, train

ROWS: dict[str, dict[str, Any]] = {"r8_lstm": {}, "en_fr_transformer": {"args": {"dropout": 0.0}}}
TEXTS, ROUNDS = 640, 3
WHOLE = 2000  # tokens of a text at most: longer than any
LIMITS: dict[int | None, float | None] = {
    WHOLE: 1 / 3,
    None: None,
}  # by the length that texts are cut to, the rows' own


class Longest(Ragged):
    """Padded to the longest of all items that there are, whatever is asked for."""

    def __getitem__(self, where: Any) -> np.ndarray:
        found = super().__getitem__(where)
        missing = int(np.diff(self.bounds).max()) - found.shape[1]
        return np.pad(found, ((0, 0), (0, missing)), constant_values=self.padding)


def measure() -> Iterator[Figure]:
    """Of `work`, in a process of its own, once the data is there."""
    Run(executor(1)).fill([planned(length).data(row) for row in ROWS for length in LIMITS])
    yield from (Figure(**figure) for figure in apart("bench.padding"))


def planned(length: int | None) -> Plan:
    """With texts of so many tokens at most."""
    params = loading.load()
    changed = {} if length is None else {"length": length}
    tokenizers = {name: tokens.model_copy(update=changed) for name, tokens in params.tokenizers.items()}
    return Plan(params.model_copy(update={"tokenizers": tokenizers}))


def work() -> Iterator[Figure]:
    """Microseconds of a token, without padding, in turn, one thread; a warm-up of each first."""
    budget = Budget(samples=TEXTS, validation=64, epochs=1)
    for row, changed in ROWS.items():
        for length, limit in LIMITS.items():
            plan = planned(length)
            data = dataset.load(plan.data(row).folder, budget, 0, ("train", "validation"))
            spec = parsed(train.Spec, plan.trial(row, 0, changed).asked | {"budget": budget})
            sides = [side["train"] for side in (data.x, data.y) if isinstance(side["train"], Ragged)]
            tokens = sum(int(side.lengths.sum()) for side in sides)
            longest = " and ".join(str(np.diff(side.bounds).max()) for side in sides)
            ours, theirs = (np.array([*pairs(spec, data)]).T / tokens * 1e6).tolist()
            name = f"{row}, {TEXTS} items of {tokens / TEXTS:.0f} tokens"
            yield compared(name, f"batches padded to {longest}", ours, theirs, "us", limit)


def pairs(spec: train.Spec, data: dataset.Dataset) -> Iterator[tuple[float, float]]:
    """Processor seconds of an epoch in either way, which have to give equal scores and losses."""
    padded = dataset.Dataset(lengthened(data.x), lengthened(data.y), data.meta)
    expected = scores(spec, data, 1)
    for given in (data, padded):
        difference = float((scores(spec, given, spec.recipe.batch_size) - expected).abs().max())
        if difference > 1e-5:
            raise AssertionError(f"padding: scores differ by {difference}")
    for round_ in range(ROUNDS + 1):
        (ours, found), (theirs, losses) = (epoch(spec, given) for given in (data, padded))
        if not np.allclose(found, losses, atol=1e-3):
            raise AssertionError(f"padding: losses differ: {found}, {losses}")
        if round_:
            yield ours, theirs


def lengthened(splits: dict[str, Any]) -> dict[str, Any]:
    """With training items that are padded to the longest."""
    if not isinstance(x := splits["train"], Ragged):
        return splits
    return {**splits, "train": Longest(x.values, x.bounds, x.padding, x.shape[1], x.chosen)}


def scores(spec: train.Spec, data: dataset.Dataset, size: int) -> Tensor:
    """(M, K) of a network before its training, asked with so many of the training items at a time."""
    train.seed_everything(0, 1)
    system = train.assemble(spec, data)
    network, items = system.network.eval(), system.batches["train"]
    parts = items.order(0).split(size)
    given = ((network.prepare(items.gather(part)), items.y.index_select(0, part)) for part in parts)
    with torch.no_grad():
        return torch.cat([system.objective.loss(network.body, x, y)[1] for x, y in given])


def epoch(spec: train.Spec, data: dataset.Dataset) -> tuple[float, list[float]]:
    """Processor seconds of an epoch's updates, and their losses."""
    train.seed_everything(0, 1)
    system = train.assemble(spec, data)
    body, feed = system.network.body, system.feed
    optimizer, losses, began = optimizers.optimizer(body, spec.recipe), [], time.process_time()
    feed.begin(0)
    for number in range(-(-len(system.batches["train"]) // feed.per_chunk)):
        for share in feed.chunk(number):
            loss, _ = system.objective.loss(body, share.x, share.y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return time.process_time() - began, losses


if __name__ == "__main__":
    for figure in work():
        print(json.dumps(asdict(figure)), flush=True)
