"""What a study searches: one experiment under one profile, the axes of its space, and the cell of each trial."""

import math
from dataclasses import replace
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from pipeline import introspection, paths
from pipeline.cells import fingerprint
from pipeline.cells.cell import PAUSED, Cell, read_json
from pipeline.config.loading import ParamsError
from pipeline.results.files import lines
from pipeline.run.fill import Run, RunError, executor
from pipeline.run.plan import Plan
from pipeline.search.space import rungs_of

Values = dict[str, Any]  # by axis, such as {"set.lr": 0.01, "args.hidden": [64]}
DIGITS = 4  # significant ones of a searched number, so that a promoted recipe reads like a written one


class Subject:
    """A trial is a train cell of the row, of a seed that its results do not use, with some values changed.

    Judged by its task's metric on the validation split alone. All that decides it but the searched values is part of
    `name`.
    """

    def __init__(self, plan: Plan, key: str, jobs: int | None = 1) -> None:
        """Makes what the row is trained on where it is missing, since its digest is a part of what is searched."""
        self.plan, self.key, self.jobs = plan, key, jobs
        space, self.experiment = plan.params.search[key], plan.params.experiments[key]
        self.space, self.sampler, self.pruner = space, space.sampler, space.pruner
        self.axes = space.axes
        self.journal = paths.journal(plan.params.profile, key)
        task = plan.params.data[self.experiment.data].task
        self.metric: str = introspection.constant(f"tasks/{task}", "METRIC")
        self.run().fill(self.default.inputs.values())

    def run(self) -> Run:
        """What makes its cells."""
        return Run(executor(self.jobs, self.plan.profile))

    @cached_property
    def seed(self) -> int:
        """One that the row's own results do not use, so that none of them was chosen by; the first where a seed decides
        nothing."""
        seeds = self.plan.params.seeds_of(self.key)
        return seeds[0] if "same" in self.plan.trial(self.key, max(seeds) + 1, {}).inputs else max(seeds) + 1

    @cached_property
    def chance(self) -> int:
        """Seed of what the sampler draws."""
        return self.seed

    @cached_property
    def default(self) -> Cell:
        return self.plan.train(self.key, self.seed)

    @property
    def freezes(self) -> bool:
        """Whether trials pause and one of all is chosen to go on."""
        return self.sampler == "freeze_thaw"

    @cached_property
    def rungs(self) -> list[int]:
        """After how many epochs a trial pauses; the last is all of them, and the only one where none ever pauses.

        What is no network has no epochs, which counts as 1.
        """
        epochs = self.plan.params.budget_of(self.key).epochs if self.default.execution else 1
        return rungs_of(epochs) if self.freezes or self.pruner != "none" else [epochs]

    def until(self, cell: Cell, epoch: int) -> Cell:
        """The cell to be trained until after that epoch, one of `rungs`."""
        if epoch == self.rungs[-1] or not cell.execution:
            return cell
        return replace(cell, execution=cell.execution.model_copy(update={"pause": epoch}))

    def trained(self, cell: Cell) -> int:
        """Epochs after which the cell, not finished, pauses; 0 where it never did."""
        return len(read_json(cell.folder / PAUSED)["history"]) if (cell.folder / PAUSED).is_file() else 0

    def curve(self, cell: Cell) -> dict[int, float]:
        """What was watched on validation after each rung that the cell's training came to; of a finished one the last
        is what it has in the end, however many epochs it had."""
        if cell.complete and not (cell.folder / "history.csv").is_file():
            value, _ = outcome(cell)
            return {} if value is None else {self.rungs[-1]: value}
        rows = lines(cell.folder / "history.csv") if cell.complete else read_json(cell.folder / PAUSED)["history"]
        name = next(column for column in rows[0] if column.startswith("validation_") and column != "validation_loss")
        seen = {rung: float(rows[rung - 1][name]) for rung in self.rungs if rung <= len(rows)}
        if cell.complete:
            seen[self.rungs[-1]] = cell.result["validation"][name.removeprefix("validation_")]
        return seen

    @cached_property
    def defaults(self) -> Values:
        """What the searched values are where nothing is searched."""
        recipe = self.plan.params.recipe_of(self.key).model_dump()
        arguments = introspection.options(self.experiment.model, "build").model_fields
        built = {k: f.default for k, f in arguments.items()} | self.experiment.args
        return {name: (recipe if name.startswith("set.") else built)[name.partition(".")[2]] for name in self.axes}

    @cached_property
    def parts(self) -> dict[str, str]:
        """Digests of what must be equal for two trials to be comparable, by what people call it."""
        asked = dict(self.default.resolved)
        found = {"data": asked.pop("inputs"), "code": asked.pop("sources"), "budget": asked.pop("budget")}
        found |= {"space": {name: axis.model_dump() for name, axis in self.axes.items()}, "experiment": asked}
        return {name: fingerprint.of_json(value) for name, value in found.items()}

    @property
    def name(self) -> str:
        """Of the study: the experiment and a digest of `parts`."""
        return f"{self.key}_{fingerprint.of_json(self.parts)[:8]}"

    @property
    def further_seeds(self) -> list[int]:
        """Beside its own, by which the best trials are judged."""
        return [self.seed + i for i in range(1, self.space.seeds)]

    def cell(self, values: Values, seed: int | None = None) -> Cell:
        """Of a trial, ready to be trained; ParamsError where the recipe or the model can't take the values.

        Values that a frozen network's features depend on, such as arguments, have features of their own made first.
        """
        changes = {section: _below(section, self.changed(values)) for section in ("set", "args")}
        try:
            introspection.options(self.experiment.model, "build").model_validate(self.experiment.args | changes["args"])
            cell = self.plan.trial(self.key, self.seed if seed is None else seed, changes)
            self.run().fill(cell.inputs.values())
            return cell
        except ValidationError as error:
            said = "; ".join(p["msg"].removeprefix("Value error, ") for p in error.errors())
            raise ParamsError(f"not possible with {shown(values)}: {said}") from error
        except RunError as error:
            raise ParamsError(f"not possible with {shown(values)}: {error}") from error

    def changed(self, values: Values) -> Values:
        """Those that are not the row's own, which need no word: so a trial with the row's values is the row's cell."""
        return {name: value for name, value in values.items() if value != self.defaults[name]}

    def rounded(self, name: str, value: Any) -> Any:
        """A searched number to a few digits, within its axis; the default stays what it is, to the last bit."""
        axis = self.axes[name]
        if value == self.defaults[name]:
            return self.defaults[name]
        if not isinstance(value, float) or axis.low is None or axis.high is None:
            return value
        return min(max(float(f"{value:.{DIGITS}g}"), float(axis.low)), float(axis.high))


def outcome(cell: Cell) -> tuple[float | None, str | None]:
    """(the metric on validation, None) of a finished cell, or (None, why there is none)."""
    result = cell.result
    if result["status"] != "ok":
        return None, result["reason"]
    (name, value), *_ = ((k, v) for k, v in result["validation"].items() if k != "loss")
    return (value, None) if math.isfinite(value) else (None, f"validation {name} is {value}")


def shown(values: Values) -> str:
    """`lr 0.002, batch_size 64`"""
    return ", ".join(f"{name.partition('.')[2]} {value}" for name, value in values.items())


def _below(section: str, values: Values) -> Values:
    return {name.partition(".")[2]: value for name, value in values.items() if name.startswith(section + ".")}
