"""On a GPU, what bf16-mixed and one compiled graph give to ResNet-20: time an image, against float32 without either."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.figures import Figure, compared
from pipeline import params
from pipeline.data import dataset
from pipeline.plan import Plan
from pipeline.runner import Run
from pipeline.training import train

NEEDS_GPU = True
ROUNDS, ITEMS = 5, 50_000
PLAIN: dict[str, Any] = {"precision": "32-true", "compile": False}
FAST: dict[str, Any] = {"precision": "bf16-mixed", "compile": True}


def measure() -> Iterator[Figure]:
    """Of whole epochs in turn, the first of each run left out: it compiles."""
    plan = Plan(params.load())
    prepared = plan.prepare("fashion_mnist")
    Run(1).fill([prepared])
    budget = {"samples": ITEMS, "validation": 1000, "epochs": 3}
    data = dataset.load(prepared.folder, budget, 0, ("train", "validation"))
    pairs = [[microseconds(plan, data, budget, way) for way in (FAST, PLAIN)] for _ in range(ROUNDS)]
    ours, theirs = (list(column) for column in zip(*pairs, strict=True))
    yield compared("ResNet-20, bf16-mixed and compiled, an image", "32-true, eager", ours, theirs, "us", 0.5)


def microseconds(plan: Plan, data: dataset.Dataset, budget: dict[str, int], changes: dict[str, Any]) -> float:
    """Of one training item, in the epochs after the first; what judging takes is in it."""
    spec = plan.train("fmnist_resnet20", 0, {"set": changes, "args": {}}).resolved | {"budget": budget}
    train.seed_everything(0, spec["threads"])
    with tempfile.TemporaryDirectory() as folder:
        system = train.assemble(spec, data)
        train.fit(system, spec["precision"], Path(folder))
    later = [row["seconds"] for row in system.history[1:]]
    return 1e6 * sum(later) / len(later) / len(data.y["train"])
