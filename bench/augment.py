"""What augmentation costs: against a step of LeNet-5, and against a DataLoader with torchvision's transforms."""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from bench import throughput
from bench.figures import Figure, apart, clocked, compared
from pipeline.cells.cell import parsed
from pipeline.config import loading
from pipeline.data import dataset
from pipeline.data.augment import Augmentation
from pipeline.data.batches import Batches, generator
from pipeline.data.spec import Budget
from pipeline.run.fill import Run, executor
from pipeline.run.plan import Plan
from pipeline.training.feed import CHUNK_VALUES
from pipeline.training.spec import Architecture

ROUNDS, WORKERS, BATCH = 7, 2, 128
USUAL: list[dict[str, Any]] = [{"name": "flip"}, {"name": "shift", "pixels": 2}]
# Each step, and what does the same to one image.
PEERS: dict[str, tuple[list[dict[str, Any]], Callable[..., Any], float | None]] = {
    "flip and shift": (USUAL, v2.Compose([v2.RandomHorizontalFlip(), v2.RandomCrop(28, padding=2)]), 0.1),
    "rotation": ([{"name": "rotation"}], v2.RandomRotation(10), None),
    "erasing": ([{"name": "erasing"}], v2.RandomErasing(), None),
    "colour": ([{"name": "colour"}], v2.ColorJitter(0.4, 0.4, 0.4), None),
    "rand_augment": ([{"name": "rand_augment"}], v2.RandAugment(), None),
}


class Images(Dataset):
    """Images (N, C, H, W) with a transform of each, as torch's own examples have them."""

    def __init__(self, x: Tensor, y: Tensor, transform: Callable[..., Any]) -> None:
        self.x, self.y, self.transform = x, y, transform

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.transform(self.x[index]), self.y[index]


def measure() -> Iterator[Figure]:
    """Of `work`, in a process of its own."""
    Run(executor(1)).fill([Plan(loading.load()).prepare("fashion_mnist")])
    yield from (Figure(**figure) for figure in apart("bench.augment"))


def work() -> Iterator[Figure]:
    """Wall seconds in turn; ours has one thread, the DataLoader two workers that are there already."""
    torch.set_num_threads(1)
    plan = Plan(loading.load())
    data = dataset.load(plan.prepare("fashion_mnist").folder, Budget(samples=12800, epochs=1), 0, ("train",))
    yield _against_a_step(parsed(Architecture, plan.train("fmnist_lenet5", 0).asked), data)
    batches = Batches(data.kind, data.x["train"], data.target("train"), BATCH, 0)
    for name, (steps, transform, limit) in PEERS.items():
        ours, theirs = _pairs(batches, Augmentation(steps, data.shape), transform)
        yield compared(f"{name}, an image", f"DataLoader, {WORKERS} workers", ours, theirs, "us", limit)


def _against_a_step(spec: Architecture, data: dataset.Dataset) -> Figure:
    """Microseconds an image: of flip and shift for as many images as training gathers at once, and of a whole step."""
    size = spec.recipe.batch_size
    step = throughput._step(spec, data, tuned=True, fuse=False)
    count = max(1, CHUNK_VALUES // (size * data.x["train"][0].size)) * size
    x, augmentation = torch.from_numpy(data.x["train"][:count]), Augmentation(USUAL, data.shape)
    numbers = itertools.count()

    def augment() -> Tensor:
        return augmentation.apply(x, augmentation.draw(count, generator(0, next(numbers))))

    augment()
    pairs = [(throughput._seconds(augment) / count, throughput._seconds(step) / size) for _ in range(ROUNDS)]
    ours, theirs = ([1e6 * seconds for seconds in column] for column in zip(*pairs, strict=True))
    return compared("flip and shift, an image", "a step of LeNet-5", ours, theirs, "us", 0.05)


def _pairs(
    batches: Batches, augmentation: Augmentation, transform: Callable[..., Any]
) -> tuple[list[float], list[float]]:
    """Microseconds an image of epochs in turn: gathered, augmented and cut into batches; a warm-up of each first."""
    images = Images(batches.part(0, len(batches.y)), batches.targets(0, len(batches.y)), transform)
    loader = DataLoader(images, BATCH, shuffle=True, num_workers=WORKERS, persistent_workers=True)
    taken = []
    for epoch in range(ROUNDS + 1):
        (ours, _), seen = clocked(partial(_count, _epoch(batches, augmentation, epoch)))
        (theirs, _), expected = clocked(partial(_count, loader))
        if seen != expected:
            raise AssertionError(f"epoch {epoch}: {seen} images, {expected} of the DataLoader")
        taken.append((1e6 * ours / seen, 1e6 * theirs / seen))
    return [ours for ours, _ in taken[1:]], [theirs for _, theirs in taken[1:]]


def _count(batches: Iterable[Any]) -> int:
    return sum(len(x) for x, _ in batches)


def _epoch(batches: Batches, augmentation: Augmentation, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of an epoch as training takes them, chunk by chunk."""
    chunk = max(1, CHUNK_VALUES // (BATCH * prod(batches.shape))) * BATCH
    for number, chosen in enumerate(batches.order(epoch).split(chunk)):
        drawn = augmentation.draw(len(chosen), generator(0, epoch, number + 1))
        x = augmentation.apply(batches.gather(chosen), drawn)
        yield from zip(x.split(BATCH), batches.y.index_select(0, chosen).split(BATCH), strict=True)


if __name__ == "__main__":
    for figure in work():
        print(json.dumps(asdict(figure)), flush=True)
