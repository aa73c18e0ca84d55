"""The small text files of a row that Git keeps: `results/<profile>/<row>/`.

scores.csv      seed, split, metric, value, status: ok, or `failed: ` and the reason. Equal scores make equal files.
costs.csv       seed, metric, value, hardware: what depends on the machine.
keys.json       the profile, what was asked, by seed the key of the model's cell, and the size of the training split.
history.csv     seed, epoch and what was measured after it; of networks only.
confusion.json  classes, and by seed the confusion matrix on test, true by predicted; of classifiers only.
texts.json      of answers that are texts: those of the first seed on test, beside what they are compared with.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.cells.cell import CellError, read_json
from pipeline.config.sections import Params
from pipeline.training.recipe import completed

SCORES = ("seed", "split", "metric", "value", "status")
COSTS = ("seed", "metric", "value", "hardware")
KEYS = "keys.json"
CONFUSION = "confusion.json"
TEXTS = "texts.json"
FAILED = "failed: "
Record = dict[str, str]


@dataclass
class Result:
    """The lines of a row's files as text, of the seeds asked for. All empty: no results are here.

    training_items: of the whole split; None where an older version made the results. texts: what TEXTS holds.
    confusion: seed -> counts (K, K) of `classes` on test, true by predicted.
    """

    scores: list[Record] = field(default_factory=list)
    costs: list[Record] = field(default_factory=list)
    history: list[Record] = field(default_factory=list)
    keys: dict[int, str] = field(default_factory=dict)
    training_items: int | None = None
    texts: dict[str, Any] = field(default_factory=dict)
    classes: list[str] = field(default_factory=list)
    confusion: dict[int, list[list[int]]] = field(default_factory=dict)
    stale: bool = False  # there are results, but of other parameters

    def values(self, metric: str, split: str = "") -> dict[int, float]:
        """Seed -> score, of the seeds that ended well."""
        return {int(line["seed"]): float(line["value"]) for line in _of(self.scores, metric, split) if line["value"]}

    def spent(self, metric: str) -> dict[int, float]:
        """Seed -> cost, of the seeds that ended well."""
        failed = self.failures()
        found = {int(line["seed"]): float(line["value"]) for line in _of(self.costs, metric)}
        return {seed: value for seed, value in found.items() if seed not in failed}

    def failures(self) -> dict[int, str]:
        """Seed -> why it failed."""
        failed = (line for line in self.scores if line["status"] != "ok")
        return {int(line["seed"]): line["status"].removeprefix(FAILED) for line in failed}


def _of(lines: Iterable[Record], metric: str, split: str = "") -> Iterable[Record]:
    return (line for line in lines if line["metric"] == metric and line.get("split", "") == split)


def read(params: Params, profile: str, row: str, folder: Path) -> Result:
    """The results of a row or a variant, in a folder; `stale` where they are of other parameters than today's."""
    try:
        known = read_json(folder / KEYS)
    except CellError:
        return Result()
    if not _as_asked(known, params.asked(row, profile)):
        return Result(stale=True)
    seeds = set(params.seeds_of(row, profile))
    parts = [_sorted(lines(folder / f"{name}.csv"), seeds) for name in ("scores", "costs", "history")]
    keys = {int(seed): str(key) for seed, key in known["keys"].items() if int(seed) in seeds}
    texts = read_json(folder / TEXTS) if (folder / TEXTS).is_file() else {}
    told = read_json(folder / CONFUSION) if (folder / CONFUSION).is_file() else {"classes": [], "test": {}}
    confusion = {int(seed): counts for seed, counts in told["test"].items() if int(seed) in seeds}
    return Result(parts[0], parts[1], parts[2], keys, known.get("training_items"), texts, told["classes"], confusion)


def _as_asked(known: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """Whether results are of this; older ones lack fields that came later, and are of their defaults."""
    try:
        recipe = completed(known["asked"]["recipe_resolved"])
    except (ValueError, KeyError):
        return False
    return {**known["asked"], "recipe_resolved": recipe} == asked


def _sorted(lines: Iterable[Record], seeds: set[int]) -> list[Record]:
    kept = (line for line in lines if int(line["seed"]) in seeds)
    return sorted(kept, key=lambda r: (int(r["seed"]), r.get("split", ""), r.get("metric", ""), int(r.get("epoch", 0))))


def lines(path: Path) -> list[Record]:
    """Of a CSV file; none where it is not there."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, columns: Sequence[str], lines: Iterable[Mapping[str, Any]]) -> None:
    """A CSV file. Text goes out as it came in, so equal inputs give equal bytes."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
