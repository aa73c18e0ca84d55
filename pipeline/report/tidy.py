"""The tidy result files of the experiments and variants that the parameters name; others are left alone."""

import csv
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.params import Params
from pipeline.training.recipe import completed

Record = dict[str, str]


@dataclass
class Loaded:
    """Rows of one key, as text, of the profile's seeds only. All empty: this machine has not run it."""

    results: list[Record] = field(default_factory=list)
    costs: list[Record] = field(default_factory=list)
    history: list[Record] = field(default_factory=list)
    stale: bool = False  # there are results, but of other parameters

    def values(self, metric: str, split: str = "", costs: bool = False) -> dict[int, float]:
        """Seed -> value, of the seeds that ended well."""
        wanted = (r for r in (self.costs if costs else self.results) if (r["metric"], r["split"]) == (metric, split))
        return {int(r["seed"]): float(r["value"]) for r in wanted if r["status"] == "ok" and r["value"]}

    def failures(self) -> dict[int, str]:
        """Seed -> why it failed."""
        return {int(r["seed"]): r["status"].removeprefix("failed: ") for r in self.results if r["status"] != "ok"}


def load(params: Params, profile: str, folder: Callable[[str], Path]) -> dict[str, Loaded]:
    """Every experiment, then every variant, in the order of the parameters; `folder(key)` is where its results lie."""
    seeds = set(params.profiles[profile].seeds)
    loaded = {}
    for key in [*params.experiments, *params.variants]:
        if not _as_asked(folder(key), params.asked(key, profile)):
            loaded[key] = Loaded(stale=(folder(key) / "results.csv").exists())
            continue
        parts = [_read(folder(key) / name, seeds) for name in ("results.csv", "costs.csv", "history.csv")]
        loaded[key] = Loaded(results=parts[0], costs=parts[1], history=parts[2])
    return loaded


def _as_asked(folder: Path, asked: dict[str, Any]) -> bool:
    """Whether the results are of this; an older file lacks fields that came later, and asked for their defaults."""
    try:
        before = json.loads((folder / "asked.json").read_text())
        before["recipe_resolved"] = completed(before["recipe_resolved"])
    except (OSError, ValueError, KeyError):
        return False
    return bool(before == asked)


def _read(path: Path, seeds: set[int]) -> list[Record]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["seed"]) in seeds]
    return sorted(rows, key=lambda r: (int(r["seed"]), r.get("split", ""), r.get("metric", ""), int(r.get("epoch", 0))))


def write(path: Path, rows: Iterable[Record]) -> None:
    """Text in, the same text out: no number is parsed, so equal inputs give equal bytes."""
    rows = list(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
