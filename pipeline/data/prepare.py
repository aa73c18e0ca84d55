"""From what a source delivered to checked arrays, a stored split and statistics of the training part.

Written: `x_<split>.npy`, `y_<split>.npy` for train, validation and test; `split.npz` with each split's indices into the
source's own order; `meta.json`. Images stay uint8 and are scaled a batch at a time where they are used.
"""

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.cells import read_json, write_json
from pipeline.data.raw import Arrays, DataError, Raw, encode, numbers

SPLITS = ("train", "validation", "test")
KINDS = {2: "tabular", 3: "series", 4: "image"}  # by the dimensions of (N, ...)


def run(spec: dict[str, Any], folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    """Read, check, split, count, write. DataError names what is wrong, with counts."""
    card = read_json(inputs["raw"] / "card.json")
    source = Path(card["path"]) if "path" in card else inputs["raw"]
    reader = importlib.import_module(f"pipeline.data.readers.{spec['reader']}")
    raw = _targeted(reader.read(source, **spec["options"]), spec["target"])
    classes = raw.classes or []
    _check(raw, spec["data"])
    indices = _split(raw, spec["split"])
    arrays = {s: _take(raw, *indices[s]) for s in SPLITS}
    counts = {
        s: np.bincount(y, minlength=len(classes)).tolist() if classes else [len(y)] for s, (_, y) in arrays.items()
    }
    if classes:
        _require_every_class(counts, classes, spec["data"])
    for split, (x, y) in arrays.items():
        np.save(folder / f"x_{split}.npy", np.ascontiguousarray(x), allow_pickle=False)
        np.save(folder / f"y_{split}.npy", y, allow_pickle=False)
    np.savez(folder / "split.npz", **{s: i for s, (_, i) in indices.items()})  # type: ignore[arg-type]
    x, y = arrays["train"]
    meta = {
        "name": spec["data"],
        "kind": KINDS[x.ndim],
        "shape": list(x.shape[1:]),
        "classes": classes,
        "target": None
        if classes
        else {"mean": _digits(y.mean(dtype=np.float64)), "std": _digits(y.std(dtype=np.float64))},
        "counts": counts,
        "refit": spec["split"]["refit"],
        "duplicates": _duplicates(arrays),
        "statistics": _statistics(x),
    }
    write_json(folder / "meta.json", meta)
    return {"status": "ok", "duplicates": meta["duplicates"]}


def _targeted(raw: Raw, target: str) -> Raw:
    """Labels as numbers of classes, or as the numbers that they are; the same for all splits."""
    labels = np.concatenate([y for _, y in raw.splits.values()])
    encoded, classes = encode(labels, raw.classes) if target == "class" else (numbers(labels), None)
    bounds = np.cumsum([len(y) for _, y in raw.splits.values()])[:-1]
    parts = zip(raw.splits.items(), np.split(encoded, bounds), strict=True)
    return Raw({split: (x, y) for (split, (x, _)), y in parts}, classes)


def _check(raw: Raw, name: str) -> None:
    shape = raw.splits["train"][0].shape[1:]
    for split, (x, y) in raw.splits.items():
        what = f"{name}, {split}"
        if len(x) != len(y):
            raise DataError(f"{what}: {len(x)} items but {len(y)} labels")
        if not len(x):
            raise DataError(f"{what}: no items")
        if x.shape[1:] != shape or x.ndim not in KINDS:
            raise DataError(
                f"{what}: items of shape {x.shape[1:]}; expected (F,), (T, F) or (C, H, W), as in train: {shape}"
            )
        if x.ndim == 4 and x.dtype != np.uint8:
            raise DataError(f"{what}: images of dtype {x.dtype}; expected uint8 from 0 to 255")
        if x.ndim < 4 and (bad := int((~np.isfinite(x) & ~_padding(x)).sum())):
            raise DataError(f"{what}: {bad} of {x.size} values are not finite numbers")
        if raw.classes and (outside := (y < 0) | (y >= len(raw.classes))).any():
            found = sorted({int(v) for v in y[outside]})[:5]
            raise DataError(
                f"{what}: {int(outside.sum())} of {len(y)} labels are outside 0 to {len(raw.classes) - 1}: {found}"
            )


def _padding(x: np.ndarray) -> np.ndarray:
    """Which values of series (N, T, F) stand behind a series' last step, and are NaN for that; none of a table's."""
    if x.ndim == 2:
        return np.zeros(x.shape, bool)
    empty = np.isnan(x).all(axis=2)
    trailing = np.logical_and.accumulate(empty[:, ::-1], axis=1)[:, ::-1]
    trailing[:, 0] = False  # a series without any step is none
    return np.broadcast_to(trailing[:, :, None], x.shape)


def _split(raw: Raw, split: dict[str, Any]) -> dict[str, tuple[str, np.ndarray]]:
    """For each final split: the source's split that it is cut from, and sorted indices into that."""
    rng = np.random.default_rng(split["seed"])
    y = strata(raw.splits["train"][1])
    rest = np.arange(len(y))
    brought = [s for s in ("validation", "test") if s in raw.splits]
    final: dict[str, tuple[str, np.ndarray]] = {s: (s, np.arange(len(raw.splits[s][1]))) for s in brought}
    for part in ("test", "validation"):
        if part not in final:
            if split[part] is None:
                raise DataError(f"the source brings no {part} split; give split.{part}, a share of train")
            chosen = stratified(y[rest], round(split[part] * len(y)), rng)
            final[part] = ("train", rest[chosen])
            if part == "test" or not split["refit"]:
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


def strata(y: np.ndarray) -> np.ndarray:
    """What a draw keeps the shares of: the classes; of numbers, nothing."""
    return y if np.issubdtype(y.dtype, np.integer) else np.zeros(len(y), np.int64)


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
    """Of each channel of images, feature of series or column of tables, over the training items (N, ...)."""
    axes = {4: (0, 2, 3), 3: (0, 1), 2: (0,)}[x.ndim]
    found = {
        "minimum": np.nanmin(x, axis=axes),
        "maximum": np.nanmax(x, axis=axes),
        "mean": np.nanmean(x, axis=axes, dtype=np.float64),
        "std": np.nanstd(x, axis=axes, dtype=np.float64),
    }
    return {name: [_digits(value) for value in values] for name, values in found.items()}


def _digits(value: float) -> float:
    """Nine of them: sums differ in the last ones between processors, and equal data has to have equal statistics."""
    return float(f"{value:.9g}")
