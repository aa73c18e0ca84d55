"""Draws of items in which each class keeps its share, and the splits that are made of them."""

import numpy as np

from pipeline.data.raw import DataError
from pipeline.data.spec import Split


def split(labels: dict[str, np.ndarray], asked: Split, classes: list[str]) -> dict[str, tuple[str, np.ndarray]]:
    """For each final split: the source's split that it is cut from, and sorted indices into that.

    labels: targets (N,) of the source's splits. DataError where a share is missing, or a class has too few items.
    """
    rng = np.random.default_rng(asked.seed)
    y = strata(labels["train"])
    rest = np.arange(len(y))
    brought = [s for s in ("validation", "test") if s in labels]
    missing = [s for s in ("test", "validation") if s not in labels]
    _require_enough(labels["train"], classes, missing, asked.refit)
    final: dict[str, tuple[str, np.ndarray]] = {s: (s, np.arange(len(labels[s]))) for s in brought}
    for part in missing:
        share = asked.test if part == "test" else asked.validation
        if share is None:
            raise DataError(f"the source brings no {part} split; write `split: {{{part}: 0.2}}`, a share of train")
        kept = part == "validation" and asked.refit
        leave = 0 if kept else 1 + (part == "test" and "validation" in missing and not asked.refit)
        size = max(round(share * len(y)), len(np.unique(y)))  # an item of each class, however small the share
        chosen = stratified(y[rest], size, rng, leave)
        final[part] = ("train", rest[chosen])
        if not kept:
            rest = np.setdiff1d(rest, rest[chosen])
    return {"train": ("train", rest), **final}


def stratified(y: np.ndarray, size: int, rng: np.random.Generator, leave: int = 0) -> np.ndarray:
    """Sorted indices of a draw in which each class keeps its share of `y` (N,), by largest remainder.

    A class whose share is less than an item gets one, if there are as many items as classes, at the cost of the
    largest. leave: items of each class that are not drawn, so that small classes may make it smaller than `size`.
    """
    classes, counts = np.unique(y, return_counts=True)
    share = counts * size / len(y)
    quota = np.floor(share).astype(int)
    quota[np.argsort(quota - share, kind="stable")[: size - quota.sum()]] += 1
    if len(classes) <= size:
        for empty in np.flatnonzero(quota == 0):
            quota[quota.argmax()] -= 1
            quota[empty] = 1
    quota = np.minimum(quota, np.maximum(counts - leave, 0))
    drawn = [rng.permutation(np.flatnonzero(y == c))[:n] for c, n in zip(classes, quota, strict=True)]
    return np.sort(np.concatenate(drawn))


def strata(y: np.ndarray) -> np.ndarray:
    """What a draw keeps the shares of: the classes; of numbers, nothing."""
    return y if np.issubdtype(y.dtype, np.integer) else np.zeros(len(y), np.int64)


def _require_enough(y: np.ndarray, classes: list[str], missing: list[str], refit: bool) -> None:
    """Train and each split that is cut from it need an item of every class; with `refit`, validation is in train."""
    parts = ["train", *(p for p in missing if not (refit and p == "validation"))]
    classes = classes if np.issubdtype(y.dtype, np.integer) else []  # an item with several tags is of no class
    counts = np.bincount(y, minlength=len(classes)) if classes else np.array([len(y)])
    for name, count in zip(classes or ["the data"], counts.tolist(), strict=True):
        if count < len(parts):
            found = ", ".join(f"{c} {n}" for c, n in zip(classes, counts, strict=True))
            raise DataError(
                f"no item of class {name} for each of {', '.join(parts)}: it has {count} (found: {found}); bring more "
                "items of it or leave it out"
                if classes
                else f"{count} items are too few for {', '.join(parts)}"
            )
