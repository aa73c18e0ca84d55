"""Training steps on texts in batches of nearly one length, against batches padded to the longest text of the corpus.

The same network, items, losses and updates; both are given their batches by the feed that training has, so what
gathering and padding cost is counted. Equal losses say that the padding changes nothing. Texts are whole, and once more
cut to the length that the rows of the table have.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
from torch.nn import functional

from bench.figures import Figure, apart, compared
from pipeline.cells.cell import parsed
from pipeline.config import loading
from pipeline.data import dataset
from pipeline.data.ragged import Ragged
from pipeline.data.spec import Budget, Tokens
from pipeline.run.fill import Run, executor
from pipeline.run.plan import Plan
from pipeline.training import optimizers, train

ROW, TEXTS, ROUNDS = "r8_lstm", 640, 3
WHOLE, CUT = 2000, 256  # tokens of a text at most: longer than any, and that of the rows
LIMITS: dict[int, float | None] = {WHOLE: 1 / 3, CUT: None}


class Longest(Ragged):
    """Padded to the longest of all items that there are, whatever is asked for."""

    def __getitem__(self, where: Any) -> np.ndarray:
        found = super().__getitem__(where)
        missing = int(np.diff(self.bounds).max()) - found.shape[1]
        return np.pad(found, ((0, 0), (0, missing)), constant_values=self.padding)


def measure() -> Iterator[Figure]:
    """Of `work`, in a process of its own, once the data is there."""
    Run(executor(1)).fill([planned(length).prepare("reuters_r8", "bench") for length in LIMITS])
    yield from (Figure(**figure) for figure in apart("bench.padding"))


def planned(length: int) -> Plan:
    """With a tokenizer `bench` of texts of so many tokens."""
    params = loading.load()
    bench = Tokens(by="words", length=length, options={"size": 20_000})
    return Plan(params.model_copy(update={"tokenizers": {**params.tokenizers, "bench": bench}}))


def work() -> Iterator[Figure]:
    """Microseconds of a token, without padding, in turn, one thread; a warm-up of each first."""
    for length, limit in LIMITS.items():
        plan, budget = planned(length), Budget(samples=TEXTS, validation=64, epochs=1)
        data = dataset.load(plan.prepare("reuters_r8", "bench").folder, budget, 0, ("train", "validation"))
        x = data.x["train"]
        assert isinstance(x, Ragged)
        padded = Longest(x.values, x.bounds, x.padding, x.shape[1], x.chosen)
        spec = parsed(train.Spec, plan.train(ROW, 0).asked | {"budget": budget})
        pairs, tokens = [], int(x.lengths.sum())
        for round_ in range(ROUNDS + 1):
            (ours, found), (theirs, expected) = (epoch(spec, data, items) for items in (x, padded))
            if not np.allclose(found, expected, atol=1e-3):
                raise AssertionError(f"padding: losses differ: {found}, {expected}")
            if round_:
                pairs.append((1e6 * ours / tokens, 1e6 * theirs / tokens))
        mine, others = (list(times) for times in zip(*pairs, strict=True))
        longest = int(np.diff(x.bounds).max())
        name = f"{ROW}, {TEXTS} texts of {tokens / TEXTS:.0f} tokens"
        yield compared(name, f"batches padded to {longest}", mine, others, "us", limit)


def epoch(spec: train.Spec, data: dataset.Dataset, items: Ragged) -> tuple[float, list[float]]:
    """Processor seconds of an epoch's updates, and their losses."""
    train.seed_everything(0, 1)
    given = dataset.Dataset({**data.x, "train": items}, data.y, data.meta)
    system = train.assemble(spec, given)
    body, feed = system.network.body, system.feed
    optimizer, losses, began = optimizers.optimizer(body, spec.recipe), [], time.process_time()
    feed.begin(0)
    for number in range(-(-len(system.batches["train"]) // feed.per_chunk)):
        for share in feed.chunk(number):
            loss = functional.cross_entropy(body(share.x), share.y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return time.process_time() - began, losses


if __name__ == "__main__":
    for figure in work():
        print(json.dumps(asdict(figure)), flush=True)
