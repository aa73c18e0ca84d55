"""Arrays of a user's own, and what `prepare` makes of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.cells.cell import write_json
from pipeline.data import prepare
from pipeline.data.spec import Prepare, Split

SPLIT = {"validation": 0.2, "test": 0.25, "seed": 0}


class Project:
    """An npz source and what `prepare` makes of it."""

    def __init__(self, root: Path) -> None:
        self.root, self.made = root, 0

    def prepare(self, arrays: dict[str, Any], split: dict[str, Any] = SPLIT, **options: Any) -> Path:
        self.made += 1
        raw, folder = self.root / f"raw{self.made}", self.root / f"prepared{self.made}"
        raw.mkdir()
        folder.mkdir()
        np.savez(raw / "data.npz", **arrays)
        write_json(raw / "card.json", {"title": "mine", "path": str(raw / "data.npz")})
        task = options.pop("task", "classification")
        missing = options.pop("missing", "refuse")
        spec = Prepare(data="mine", reader="npz", options=options, task=task, split=Split(**split), missing=missing)
        prepare.run(spec, folder, {"raw": raw})
        return folder


def table(n: int = 60, classes: int = 3, seed: int = 0, **changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {"x_train": rng.normal(size=(n, 4)), "y_train": np.arange(n) % classes, **changes}


def meta(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "meta.json").read_text())


def series(*lengths: int, longest: int = 6) -> np.ndarray:
    x = np.arange(len(lengths) * longest * 2, dtype=np.float32).reshape(len(lengths), longest, 2)
    for row, length in zip(x, lengths, strict=True):
        row[length:] = np.nan
    return x
