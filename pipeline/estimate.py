"""How long a cell should take, from what cells like it took: here, or in the results that Git keeps."""

import csv
from collections.abc import Iterable
from functools import cache
from math import inf
from pathlib import Path

from pipeline import paths
from pipeline.cells import MARKER, Cell, CellError, read_json
from pipeline.params import Params
from pipeline.plan import Plan
from pipeline.runner import gpus

START_SECONDS = 8.0  # of a warm interpreter
STAGE_SECONDS = 0.7  # DVC's own work and a stage's start


class Estimates:
    """Seconds of cells under `params`; None where nothing like it was ever run."""

    def __init__(self, params: Params) -> None:
        self.params = params

    def seconds(self, cell: Cell) -> float | None:
        """A train cell takes what the experiment took before, scaled by its budget; others what they took before."""
        if cell.kind in ("fetch", "prepare"):
            return 2.0
        before = _linked(cell.output)
        if before:
            spec, seconds = before
            return seconds * self._growth(cell, spec["budget"]) if cell.kind == "train" else seconds
        return self._recorded(cell)

    def _recorded(self, cell: Cell) -> float | None:
        """From results/<profile>/<key>/costs.csv, of this profile or of any other, and the budget that it says."""
        key = cell.label.split()[0]
        for profile in sorted(self.params.profiles, key=lambda p: p != self.params.profile):
            folder = paths.results(profile, key)
            seconds = _cost(folder / "costs.csv", f"{cell.kind}_seconds")
            if seconds is not None and (folder / "asked.json").is_file():
                before = read_json(folder / "asked.json")["budget"]
                return seconds * self._growth(cell, before) if cell.kind == "train" else seconds
        return None if cell.kind == "train" else 3.0

    def _growth(self, cell: Cell, before: dict[str, int | None]) -> float:
        """Ratio of the work asked for to the work done before; of all classical models squared, as of the dearest."""
        items = self._items(cell)
        now, then = (b["samples"] or items for b in (cell.spec["budget"], before))
        if cell.entry == "pipeline.training.train":
            return now * cell.spec["budget"]["epochs"] / (then * (before["epochs"] or 1))
        return (now / then) ** 2

    def _items(self, cell: Cell) -> int:
        try:
            return sum(read_json(paths.prepared(cell.spec["data"]) / "meta.json")["counts"]["train"])
        except CellError:
            return 60_000


def too_dear(plan: Plan, key: str, estimates: Estimates) -> float | None:
    """Seconds of an experiment's longest missing cell if that is above the profile's limit; a GPU has no limit.

    Infinite for a row of some profiles only (`only`) of which nothing is known.
    """
    missing = [c for c in (plan.train(key, seed) for seed in plan.profile.seeds) if not c.complete]
    if missing and plan.params.experiments[key].only and all(estimates.seconds(c) is None for c in missing):
        worst = inf  # of a paper's full size, and never run: nobody knows what it costs
    else:
        worst = max((estimates.seconds(c) or 0.0 for c in missing), default=0.0)
    return worst if worst > plan.profile.cell_minutes * 60 and not gpus() else None


def total(estimates: Iterable[float | None], jobs: int, stages: int) -> str:
    """`about 6 min` for cells side by side and their stages after; says how many are unknown."""
    known, unknown = [], 0
    for seconds in estimates:
        if seconds is None:
            unknown += 1
        else:
            known.append(seconds)
    lanes = [0.0] * jobs
    for seconds in sorted(known, reverse=True):
        lanes[lanes.index(min(lanes))] += seconds
    text = spoken(max(lanes) + (START_SECONDS if known or unknown else 0.0) + STAGE_SECONDS * stages)
    return f"about {text}" + (f", and {unknown} cells never run before" if unknown else "")


def spoken(seconds: float) -> str:
    """`40 s`, `6 min`, `3.5 h`."""
    if seconds == inf:
        return "nobody knows how long"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@cache
def _linked(output: Path) -> tuple[dict, float] | None:
    if not (output / MARKER).is_file():
        return None
    return read_json(output / "spec.json"), read_json(output / "costs.json")["seconds"]


@cache
def _cost(path: Path, metric: str) -> float | None:
    try:
        with path.open(newline="") as file:
            values = [float(r["value"]) for r in csv.DictReader(file) if r["metric"] == metric and r["value"]]
    except (OSError, ValueError):
        return None
    return sum(values) / len(values) if values else None
