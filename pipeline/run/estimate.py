"""How long a cell should take, from what cells like it took: here, or in the results that Git keeps."""

from collections.abc import Iterable
from functools import cache
from math import inf
from pathlib import Path

from pipeline import paths
from pipeline.cells.cell import MARKER, Cell, CellError, parsed, read_json, record
from pipeline.config.sections import Params
from pipeline.data.spec import Budget, Setting
from pipeline.results import files
from pipeline.results.files import KEYS
from pipeline.run.devices import gpus
from pipeline.run.durations import format_duration
from pipeline.run.plan import TRAIN, Plan

START_SECONDS = 8.0  # of a warm interpreter
STAGE_SECONDS = 0.7  # DVC's own work and a stage's start
BY_ITEMS = {"train", "features"}  # kinds that take longer for more items


class Estimates:
    """Seconds of cells under `params`; None where nothing like it was ever run."""

    def __init__(self, params: Params) -> None:
        self.params = params

    def seconds(self, cell: Cell) -> float | None:
        """What a cell took before; of training and of features scaled by the budget."""
        if cell.kind in ("fetch", "prepare"):
            return 2.0
        if cell.kind == "evaluate":
            return 0.05
        before = _linked(cell.output)
        if before:
            spec, seconds = before
            return seconds * self._growth(cell, parsed(Setting, spec).budget) if cell.kind in BY_ITEMS else seconds
        return self._recorded(cell)

    def _recorded(self, cell: Cell) -> float | None:
        """From results/<profile>/<key>/costs.csv, of this profile or of any other, and the budget that it says."""
        for profile in sorted(self.params.profiles, key=lambda p: p != self.params.profile):
            folder = paths.results(profile, cell.experiment)
            seconds = _cost(folder / "costs.csv", f"{cell.kind}_seconds")
            if seconds is not None and "features" in cell.inputs:
                seconds -= _cost(folder / "costs.csv", "features_seconds") or 0.0
            if seconds is not None and (folder / KEYS).is_file():
                before = Budget.model_validate(read_json(folder / KEYS)["asked"]["budget"])
                return seconds * self._growth(cell, before) if cell.kind in BY_ITEMS else seconds
        return None if cell.kind in BY_ITEMS else 3.0

    def _growth(self, cell: Cell, before: Budget) -> float:
        """Ratio of the work asked for to the work done before; of all classical models squared, as of the dearest."""
        spec = cell.spec
        assert isinstance(spec, Setting)
        items = self._items(spec.data)
        now, then = (budget.samples or items for budget in (spec.budget, before))
        if cell.entry == TRAIN:
            return now * spec.budget.epochs / (then * before.epochs)
        return now / then if cell.kind == "features" else (now / then) ** 2

    def _items(self, data: str) -> int:
        try:
            return sum(read_json(paths.prepared(data) / "meta.json")["counts"]["train"])
        except CellError:
            return 60_000


def over_time_limit(plan: Plan, key: str, estimates: Estimates) -> float | None:
    """Seconds of an experiment's longest missing cell if that is above the profile's limit; a GPU has no limit.

    Infinite for a row of some profiles only (`only`) of which nothing is known.
    """
    trained = [plan.train(key, seed) for seed in plan.params.seeds_of(key)]
    features = [cell.inputs["features"] for cell in trained if "features" in cell.inputs]
    missing = [cell for cell in (*trained, *features) if not cell.complete]
    if missing and plan.params.experiments[key].only and all(estimates.seconds(c) is None for c in missing):
        worst = inf  # of a paper's full size, and never run: what it takes is unknown
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
    text = format_duration(max(lanes) + (START_SECONDS if known or unknown else 0.0) + STAGE_SECONDS * stages)
    return f"about {text}" + (f", and {unknown} cells never run before" if unknown else "")


@cache
def _linked(output: Path) -> tuple[dict, float] | None:
    if not (output / MARKER).is_file():
        return None
    return record(output, "spec.json"), record(output, "costs.json")["seconds"]


@cache
def _cost(path: Path, metric: str) -> float | None:
    try:
        values = [float(line["value"]) for line in files.lines(path) if line["metric"] == metric]
    except (ValueError, KeyError):  # a file that is not whole
        return None
    return sum(values) / len(values) if values else None
