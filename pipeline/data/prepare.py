"""From what a source delivered to checked arrays, a stored split and statistics of the training part.

Written: `x_<split>.npy`, `y_<split>.npy` for train, validation and test; `split.npz` with each split's indices into the
source's own order; `meta.json`. Images stay uint8 and are scaled a batch at a time where they are used.
"""

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.cells import read_json, write_json
from pipeline.data.raw import Arrays, DataError, Raw

SPLITS = ("train", "validation", "test")


def run(spec: dict[str, Any], folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    """Read, check, split, count, write. DataError names what is wrong, with counts."""
    card = read_json(inputs["raw"] / "card.json")
    source = Path(card["path"]) if "path" in card else inputs["raw"]
    reader = importlib.import_module(f"pipeline.data.readers.{spec['reader']}")
    raw: Raw = reader.read(source, **spec["options"])
    _check(raw, spec["data"])
    indices = _split(raw, spec["split"])
    arrays = {s: _take(raw, *indices[s]) for s in SPLITS}
    counts = {s: np.bincount(y, minlength=len(raw.classes)).tolist() for s, (_, y) in arrays.items()}
    _require_every_class(counts, raw.classes, spec["data"])
    for split, (x, y) in arrays.items():
        np.save(folder / f"x_{split}.npy", np.ascontiguousarray(x), allow_pickle=False)
        np.save(folder / f"y_{split}.npy", y.astype(np.int64), allow_pickle=False)
    np.savez(folder / "split.npz", **{s: i for s, (_, i) in indices.items()})  # type: ignore[arg-type]
    x = arrays["train"][0]
    meta = {
        "name": spec["data"],
        "kind": "image" if x.ndim == 4 else "tabular",
        "shape": list(x.shape[1:]),
        "task": spec["task"],
        "classes": raw.classes,
        "counts": counts,
        "duplicates": _duplicates(arrays),
        "statistics": _statistics(x),
    }
    write_json(folder / "meta.json", meta)
    return {"status": "ok", "duplicates": meta["duplicates"]}


def _check(raw: Raw, name: str) -> None:
    shape = raw.splits["train"][0].shape[1:]
    for split, (x, y) in raw.splits.items():
        what = f"{name}, {split}"
        if len(x) != len(y):
            raise DataError(f"{what}: {len(x)} items but {len(y)} labels")
        if not len(x):
            raise DataError(f"{what}: no items")
        if x.shape[1:] != shape or x.ndim not in (2, 4):
            raise DataError(f"{what}: items of shape {x.shape[1:]}; expected (F,) or (C, H, W), as in train: {shape}")
        if x.ndim == 4 and x.dtype != np.uint8:
            raise DataError(f"{what}: images of dtype {x.dtype}; expected uint8 from 0 to 255")
        if x.ndim == 2 and (bad := int((~np.isfinite(x)).sum())):
            raise DataError(f"{what}: {bad} of {x.size} values are not finite numbers")
        outside = (y < 0) | (y >= len(raw.classes))
        if outside.any():
            found = sorted({int(v) for v in y[outside]})[:5]
            raise DataError(
                f"{what}: {int(outside.sum())} of {len(y)} labels are outside 0 to {len(raw.classes) - 1}: {found}"
            )


def _split(raw: Raw, split: dict[str, Any]) -> dict[str, tuple[str, np.ndarray]]:
    """For each final split: the source's split that it is cut from, and sorted indices into that."""
    rng = np.random.default_rng(split["seed"])
    y = raw.splits["train"][1]
    rest = np.arange(len(y))
    brought = [s for s in ("validation", "test") if s in raw.splits]
    final: dict[str, tuple[str, np.ndarray]] = {s: (s, np.arange(len(raw.splits[s][1]))) for s in brought}
    for part in ("test", "validation"):
        if part not in final:
            if split[part] is None:
                raise DataError(f"the source brings no {part} split; give split.{part}, a share of train")
            chosen = stratified(y[rest], round(split[part] * len(y)), rng)
            final[part] = ("train", rest[chosen])
            rest = np.setdiff1d(rest, rest[chosen])
    return {"train": ("train", rest), **final}


def stratified(y: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Sorted indices (size,) of a draw in which each class keeps its share of `y` (N,), by largest remainder."""
    classes, counts = np.unique(y, return_counts=True)
    share = counts * size / len(y)
    quota = np.floor(share).astype(int)
    quota[np.argsort(quota - share, kind="stable")[: size - quota.sum()]] += 1
    drawn = [rng.permutation(np.flatnonzero(y == c))[:n] for c, n in zip(classes, quota, strict=True)]
    return np.sort(np.concatenate(drawn))


def _take(raw: Raw, source: str, indices: np.ndarray) -> Arrays:
    x, y = raw.splits[source]
    return x[indices], y[indices]


def _require_every_class(counts: dict[str, list[int]], classes: list[str], name: str) -> None:
    for split, found in counts.items():
        if missing := [c for c, n in zip(classes, found, strict=True) if not n]:
            table = ", ".join(f"{c} {n}" for c, n in zip(classes, found, strict=True))
            raise DataError(f"{name}, {split}: no item of class {', '.join(missing)} (found: {table})")


def _duplicates(arrays: dict[str, Arrays]) -> dict[str, int]:
    """Items of the later split whose very bytes stand in the earlier one too."""
    hashes = {s: [row.tobytes() for row in x] for s, (x, _) in arrays.items()}
    seen = {s: set(h) for s, h in hashes.items()}
    pairs = [("train", "validation"), ("train", "test"), ("validation", "test")]
    return {f"{a}-{b}": sum(item in seen[a] for item in hashes[b]) for a, b in pairs}


def _statistics(x: np.ndarray) -> dict[str, list[float]]:
    """Of each channel of images or column of tables, over the training items (N, ...)."""
    axes = (0, 2, 3) if x.ndim == 4 else (0,)
    found = {
        "minimum": x.min(axis=axes),
        "maximum": x.max(axis=axes),
        "mean": x.mean(axis=axes, dtype=np.float64),
        "std": x.std(axis=axes, dtype=np.float64),
    }
    # Nine digits: sums differ in the last ones between processors, and equal data has to have equal statistics.
    return {name: [float(f"{value:.9g}") for value in values] for name, values in found.items()}
