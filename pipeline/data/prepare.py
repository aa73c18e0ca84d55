"""From what a source delivered to checked arrays, a stored split and statistics of the training part.

Written: `x_<split>.npy`, `y_<split>.npy` for train, validation and test; `split.npz` with each split's indices into the
source's own order; `meta.json`. Images stay uint8 and are scaled a batch at a time where they are used. Text is kept as
tokens, see `pipeline.data.text`.
"""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.cells.cell import read_json, write_json
from pipeline.data import arrays, missing, splits
from pipeline.data.kinds import KINDS, Kind
from pipeline.data.raw import DataError, Raw
from pipeline.data.remarks import suspicious
from pipeline.data.spec import Prepare as Spec
from pipeline.data.statistics import duplicates, of_channels

SPLITS = ("train", "validation", "test")


def run(spec: Spec, folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    """Read, check, split, count, write. DataError names what is wrong, with counts."""
    card = read_json(inputs["raw"] / "card.json")
    source = Path(card["path"]) if "path" in card else inputs["raw"]
    task = importlib.import_module(f"pipeline.tasks.{spec.task}").TASK
    raw = read(spec, source)
    kind = KINDS[raw.kind]
    kept, said = missing.complete_rows(raw, spec.missing, spec.data)
    raw, classes = _targeted(raw, kept, task, str(source))
    _require_classes(raw, {s: (s, kept[s]) for s in raw.splits}, task, classes, spec.data)
    try:
        indices = splits.split({s: y[kept[s]] for s, (_, y) in raw.splits.items()}, spec.split, classes)
    except DataError as error:
        raise DataError(f"{spec.data}: {error}") from error
    places = {s: (source, kept[source][chosen]) for s, (source, chosen) in indices.items()}
    labels = {s: raw.splits[source][1][chosen] for s, (source, chosen) in places.items()}
    counts = {s: task.counts(y, classes) for s, y in labels.items()}
    _require_differences(labels, classes, spec.data)
    _require_classes(raw, places, task, classes, spec.data)
    write = _tokens if kind.ragged else _values
    items, found = write(spec, raw, places, folder, inputs, classes)
    for name, y in labels.items():
        if y.dtype != object:  # a number an item; of words and of texts, text.write has written them
            np.save(folder / f"y_{name}.npy", y, allow_pickle=False)
    np.savez(folder / "split.npz", **{s: i for s, (_, i) in places.items()})  # type: ignore[arg-type]
    scale = task.scale(labels["train"])
    meta = {
        "name": spec.data,
        "kind": kind.name,
        "classes": classes,
        "target": scale and dict(zip(("mean", "std"), scale, strict=True)),
        "counts": counts,
        "refit": spec.split.refit,
        "duplicates": duplicates(items),
        **found,
    }
    meta["remarks"] = [*raw.remarks, *said, *suspicious(meta, items, raw.columns)]
    write_json(folder / "meta.json", meta)
    return {"status": "ok", "duplicates": meta["duplicates"], "remarks": meta["remarks"]}


Places = dict[str, tuple[str, np.ndarray]]  # of each split: the source's split, and its items there


def _values(
    spec: Spec, raw: Raw, places: Places, folder: Path, inputs: dict[str, Path], classes: list[str]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Write items of numbers; (items by split, what `meta.json` says of them)."""
    kind = KINDS[raw.kind]
    imputed = missing.fit_imputer(raw.splits["train"][0], places["train"][1], raw.columns, spec.missing)
    items = {s: arrays.save(folder / f"x_{s}.npy", raw.splits[t][0], i, imputed) for s, (t, i) in places.items()}
    return items, {
        "shape": list(items["train"].shape[1:]),
        "columns": [c.model_dump() for c in raw.columns or []] if raw.by_name else None,
        "imputed": imputed and imputed.values,
        "padded": kind.padded and any(bool(np.isnan(part).any()) for part in arrays.chunks(items["train"])),
        "statistics": of_channels(items["train"], kind),
    }


def _tokens(
    spec: Spec, raw: Raw, places: Places, folder: Path, inputs: dict[str, Path], classes: list[str]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Write text as tokens; (texts by split, what `meta.json` says of them)."""
    from pipeline.data import text  # not for numbers, which do without a tokenizer

    assert spec.tokens
    source = inputs.get("tokenizer")
    if source and "path" in (card := read_json(source / "card.json")):
        source = Path(card["path"])
    found = text.write(raw, places, spec.tokens, source, folder, spec.data, classes)
    texts = {s: raw.splits[t][0][i] for s, (t, i) in places.items()}
    return texts, {"columns": None, "imputed": None, "padded": False, **found}


def read(spec: Spec, source: Path) -> Raw:
    """What the reader returns, checked. DataError names the source, whatever went wrong."""
    reader = importlib.import_module(f"pipeline.data.readers.{spec.reader}")
    try:
        raw: Raw = reader.read(source, **spec.options)
    except DataError as error:
        if str(source) in str(error):
            raise
        raise DataError(f"{source}: {error}") from error
    except Exception as error:
        error.add_note(f"reader {spec.reader}, options {spec.options}, source {source}")
        raise
    _check(raw, KINDS[raw.kind], spec.data)
    return raw


def _targeted(raw: Raw, kept: dict[str, np.ndarray], task: Any, name: str) -> tuple[Raw, list[str]]:
    """Labels as the task's targets, of kept items alone, and the classes; the same for all splits."""
    parts = {split: y[kept[split]] for split, (_, y) in raw.splits.items()}
    try:
        encoded, classes = task.encode(np.concatenate(list(parts.values())), raw.classes)
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    bounds = np.cumsum([len(y) for y in parts.values()])[:-1]
    targets = {split: np.zeros(len(y), encoded.dtype) for split, (_, y) in raw.splits.items()}
    for split, part in zip(parts, np.split(encoded, bounds), strict=True):
        targets[split][kept[split]] = part
    return replace(raw, splits={split: (x, targets[split]) for split, (x, _) in raw.splits.items()}), classes


def _check(raw: Raw, kind: Kind, name: str) -> None:
    shape = raw.splits["train"][0].shape[1:]
    for split, (x, y) in raw.splits.items():
        what = f"{name}, {split}"
        if len(x) != len(y):
            raise DataError(f"{what}: {len(x)} items but {len(y)} labels")
        if not len(x):
            raise DataError(f"{what}: no items")
        if kind.ragged:
            if x.dtype != object or x.ndim != 1:
                raise DataError(f"{what}: texts of dtype {x.dtype} and shape {x.shape}; expected objects of shape (N,)")
            continue
        if x.shape[1:] != shape or x.ndim != kind.dimensions:
            raise DataError(
                f"{what}: items of shape {x.shape[1:]}; {kind.name} data has {kind.shape}, and the same as in train: "
                f"{shape}"
            )
        if x.dtype != kind.dtype:
            raise DataError(f"{what}: {kind.name} data of dtype {x.dtype}; expected {kind.dtype}")
        if x.dtype.kind == "f":
            _require_finite(raw, split, kind, what)


def _require_finite(raw: Raw, split: str, kind: Kind, what: str) -> None:
    """Infinite values are refused everywhere, NaN where it stands neither for a missing value nor for padding."""
    x, start, bad, first = raw.splits[split][0], 0, 0, None
    for part in arrays.chunks(x):
        wrong = np.isinf(part) if kind.name == "tabular" else kind.invalid(part)
        items = wrong.reshape(len(part), -1).any(axis=1)
        if first is None and items.any():
            first = start + int(items.argmax())
        bad, start = bad + int(wrong.sum()), start + len(part)
    if first is not None:
        place = raw.where(split, first) if raw.where else f"item {first}"
        raise DataError(f"{what}: {bad} of {x.size} values are not finite numbers; the first is in {place}")


def _written(target: Any) -> str:
    return repr(target) if isinstance(target, str) else f"{target:g}"


def _require_differences(labels: dict[str, np.ndarray], classes: list[str], name: str) -> None:
    """There is something to predict in every split."""
    if len(classes) == 1:
        raise DataError(f"{name}: all items are of class {classes[0]}; there is nothing to tell apart")
    for part, y in labels.items():
        if not len(y):
            raise DataError(f"{name}, {part}: no items are left")
        if not classes and len(y) > 1 and (y == y[0]).all():
            raise DataError(f"{name}, {part}: all {len(y)} targets are {_written(y[0])}; there is nothing to predict")


def _require_classes(raw: Raw, places: Places, task: Any, classes: list[str], name: str) -> None:
    """Every class is in every split. A rare tag has to be in train alone."""
    labels = {part: raw.splits[source][1][chosen] for part, (source, chosen) in places.items()}
    counts = {part: task.counts(y, classes) for part, y in labels.items()}
    for part, y in labels.items():
        absent = [number for number, n in zip(range(len(classes)), counts[part], strict=False) if not n]
        if absent and (part == "train" or y.dtype != object):
            names, first = ", ".join(classes[number] for number in absent), absent[0]
            found = ", ".join(f"{counts[s][first]} in {s}" for s in SPLITS if s in counts)
            where = _first(raw, places, first, name)
            advice = f"the first in {where}; move some to {part}, or correct or leave out all of them"
            raise DataError(
                f"{name}, {part}: no {'word' if y.dtype == object else 'item'} of class {names}; of {classes[first]} "
                f"there are {found}{', ' + advice if where else '; leave it out of option `classes`'}"
            )


def _first(raw: Raw, places: Places, label: int, name: str) -> str | None:
    """Where the first item with this number of a class stands, None where there is none."""
    for source, chosen in places.values():
        for number in chosen.tolist():
            if (raw.splits[source][1][number] == label).any():
                return missing.place(raw, source, number, name)
    return None
