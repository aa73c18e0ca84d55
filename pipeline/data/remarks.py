"""What in prepared data is probably a mistake, though it can be trained on: said, never refused."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pipeline.data.spec import Column

FEW = 5  # training items of a class
SHOWN = 5  # names in a sentence
# Where `meta.json` has their tokens, and how many more than those have to fit: a target is begun and ended.
COUNTED = {"texts": ("tokens", 0), "targets": ("target_tokens", 2)}


def suspicious(meta: Mapping[str, Any], items: Mapping[str, np.ndarray], columns: list[Column] | None) -> Iterator[str]:
    """A sentence for each; meta: of `meta.json`; items: (N, ...) by split."""
    if meta["kind"] == "tabular":
        names = [name for column in columns or [] for name in column.features]
        names = names or [f"column {n}" for n in range(meta["shape"][0])]
        low, high = meta["statistics"]["minimum"], meta["statistics"]["maximum"]
        if constant := [name for name, a, b in zip(names, low, high, strict=True) if a == b]:
            yield f"constant in train: {_listed(list(dict.fromkeys(constant)))}"
        if counted := [name for n, name in enumerate(names) if _is_row_number([x[:, n] for x in items.values()])]:
            yield f"numbers of rows, it seems: {_listed(counted)}; leave an identifier out with option `drop`"
        train = len(items["train"])
        if many := [c.name for c in columns or [] if c.names and len(c.names) > max(20, train / 2)]:
            yield f"nearly as many names as items: {_listed(many)}; leave an identifier out with option `drop`"
    if few := [f"{c} {n}" for c, n in zip(meta["classes"], meta["counts"]["train"], strict=False) if n < FEW]:
        yield f"classes with few training items: {_listed(few)}"
    for names in (meta["classes"], *(column.names or [] for column in columns or [])):
        if twins := _twins(names):
            yield f"names that differ in their writing alone: {_listed(twins)}"
    for what, (key, more) in COUNTED.items():
        for split, found in meta.get(key, {}).items():
            if found["cut"]:
                length, whole = meta["shape"][0] - more, len(items[split])
                yield f"cut: {found['cut']} of {whole} {what} of {split} have more than {length} tokens"
    for split, counts in meta["counts"].items():
        if absent := [c for c, n in zip(meta["classes"], counts, strict=False) if not n]:
            yield f"no {_listed(absent)} in {split}: how well that is recognised is not measured there"
    for split, words in meta.get("untagged", {}).items():
        if words:
            yield f"no token: {words} words of {split} have none, as they are cut off or empty, and are not judged"
    if meta["kind"] == "image":
        if meta["shape"][0] not in (1, 3, 4):
            yield f"images of {meta['shape'][0]} channels; `shape` is (C, H, W)"
        if max(meta["statistics"]["maximum"]) <= 1:
            yield "pixels are 0 and 1 of 255 alone"
    for pair, count in meta["duplicates"].items():
        earlier, later = pair.split("-")
        if count and not (meta["refit"] and later == "validation"):
            yield f"{count} of {len(items[later])} items of {later} are also in {earlier}, with equal values"


def _twins(names: list[str]) -> list[str]:
    """Names that are one without regard to case, spaces and how a number is written."""
    seen: dict[str, list[str]] = {}
    for name in names:
        plain = "".join(c for c in name.casefold() if c.isprintable() and not c.isspace())
        seen.setdefault(plain.removesuffix(".0"), []).append(name)
    return [name for group in seen.values() if len(group) > 1 for name in group]


def _is_row_number(parts: list[np.ndarray]) -> bool:
    """Whether the values of all splits together are whole numbers that follow each other, each once."""
    values = np.concatenate(parts)
    if len(values) < 10 or values.max() - values.min() != len(values) - 1 or (values != np.round(values)).any():
        return False
    return len(np.unique(values)) == len(values)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
