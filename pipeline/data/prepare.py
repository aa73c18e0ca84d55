"""From what a source delivered to checked arrays, a stored split and statistics of the training part.

Written: `x_<split>.npy`, `y_<split>.npy` for train, validation and test; `split.npz` with each split's indices into the
source's own order; `meta.json`. Images stay uint8 and are scaled a batch at a time where they are used.
"""

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.cells.cell import read_json, write_json
from pipeline.data import arrays
from pipeline.data.kinds import KINDS, Kind
from pipeline.data.raw import DataError, Raw
from pipeline.data.spec import Prepare as Spec
from pipeline.data.spec import Split
from pipeline.data.statistics import duplicates, of_channels

SPLITS = ("train", "validation", "test")


def run(spec: Spec, folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    """Read, check, split, count, write. DataError names what is wrong, with counts."""
    card = read_json(inputs["raw"] / "card.json")
    source = Path(card["path"]) if "path" in card else inputs["raw"]
    task = importlib.import_module(f"pipeline.tasks.{spec.task}").TASK
    reader = importlib.import_module(f"pipeline.data.readers.{spec.reader}")
    try:
        raw = _targeted(reader.read(source, **spec.options), task)
    except Exception as error:
        if not isinstance(error, DataError):  # whose message says all
            error.add_note(f"reader {spec.reader}, options {spec.options}, source {source}")
        raise
    classes, kind = raw.classes or [], KINDS[raw.kind]
    _check(raw, kind, spec.data)
    indices = _split(raw, spec.split)
    labels = {s: raw.splits[source][1][chosen] for s, (source, chosen) in indices.items()}
    counts = {s: task.counts(y, classes) for s, y in labels.items()}
    if classes:
        _require_every_class(counts, classes, spec.data)
    items = {s: arrays.save(folder / f"x_{s}.npy", raw.splits[t][0], i) for s, (t, i) in indices.items()}
    for split, y in labels.items():
        np.save(folder / f"y_{split}.npy", y, allow_pickle=False)
    np.savez(folder / "split.npz", **{s: i for s, (_, i) in indices.items()})  # type: ignore[arg-type]
    scale = task.scale(labels["train"])
    meta = {
        "name": spec.data,
        "kind": kind.name,
        "shape": list(items["train"].shape[1:]),
        "classes": classes,
        "target": scale and dict(zip(("mean", "std"), scale, strict=True)),
        "counts": counts,
        "refit": spec.split.refit,
        "duplicates": duplicates(items),
        "statistics": of_channels(items["train"], kind),
    }
    write_json(folder / "meta.json", meta)
    return {"status": "ok", "duplicates": meta["duplicates"]}


def _targeted(raw: Raw, task: Any) -> Raw:
    """Labels as the task's targets; the same for all splits."""
    labels = np.concatenate([y for _, y in raw.splits.values()])
    encoded, classes = task.encode(labels, raw.classes)
    bounds = np.cumsum([len(y) for _, y in raw.splits.values()])[:-1]
    parts = zip(raw.splits.items(), np.split(encoded, bounds), strict=True)
    return Raw(raw.kind, {split: (x, y) for (split, (x, _)), y in parts}, classes)


def _check(raw: Raw, kind: Kind, name: str) -> None:
    shape = raw.splits["train"][0].shape[1:]
    for split, (x, y) in raw.splits.items():
        what = f"{name}, {split}"
        if len(x) != len(y):
            raise DataError(f"{what}: {len(x)} items but {len(y)} labels")
        if not len(x):
            raise DataError(f"{what}: no items")
        if x.shape[1:] != shape or x.ndim != kind.dimensions:
            raise DataError(
                f"{what}: items of shape {x.shape[1:]}; {kind.name} data has {kind.shape}, and the same as in train: "
                f"{shape}"
            )
        if x.dtype != kind.dtype:
            raise DataError(f"{what}: {kind.name} data of dtype {x.dtype}; expected {kind.dtype}")
        if x.dtype.kind == "f" and (bad := sum(_not_finite(part, kind) for part in arrays.chunks(x))):
            raise DataError(f"{what}: {bad} of {x.size} values are not finite numbers")
        if raw.classes and (outside := (y < 0) | (y >= len(raw.classes))).any():
            found = sorted({int(v) for v in y[outside]})[:5]
            raise DataError(
                f"{what}: {int(outside.sum())} of {len(y)} labels are outside 0 to {len(raw.classes) - 1}: {found}"
            )


def _not_finite(x: np.ndarray, kind: Kind) -> int:
    bad = ~np.isfinite(x)
    return int((bad & ~_padding(x) if kind.padded else bad).sum())


def _padding(x: np.ndarray) -> np.ndarray:
    """Which values of series (N, T, F) stand behind a series' last step, and are NaN for that."""
    empty = np.isnan(x).all(axis=2)
    trailing = np.logical_and.accumulate(empty[:, ::-1], axis=1)[:, ::-1]
    trailing[:, 0] = False  # a series without any step is none
    return np.broadcast_to(trailing[:, :, None], x.shape)


def _split(raw: Raw, split: Split) -> dict[str, tuple[str, np.ndarray]]:
    """For each final split: the source's split that it is cut from, and sorted indices into that."""
    rng = np.random.default_rng(split.seed)
    y = strata(raw.splits["train"][1])
    rest = np.arange(len(y))
    brought = [s for s in ("validation", "test") if s in raw.splits]
    final: dict[str, tuple[str, np.ndarray]] = {s: (s, np.arange(len(raw.splits[s][1]))) for s in brought}
    for part in ("test", "validation"):
        if part not in final:
            share = split.test if part == "test" else split.validation
            if share is None:
                raise DataError(f"the source brings no {part} split; give split.{part}, a share of train")
            chosen = stratified(y[rest], round(share * len(y)), rng)
            final[part] = ("train", rest[chosen])
            if part == "test" or not split.refit:
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


def _require_every_class(counts: dict[str, list[int]], classes: list[str], name: str) -> None:
    for split, found in counts.items():
        if missing := [c for c, n in zip(classes, found, strict=True) if not n]:
            table = ", ".join(f"{c} {n}" for c, n in zip(classes, found, strict=True))
            raise DataError(f"{name}, {split}: no item of class {', '.join(missing)} (found: {table})")
