"""What a study searches: one experiment under one profile, the axes of its space, and the cell of each trial."""

import math
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from pipeline import introspection, paths
from pipeline.cells import fingerprint
from pipeline.cells.cell import Cell
from pipeline.config import loading
from pipeline.config.loading import ParamsError
from pipeline.config.messages import unknown
from pipeline.run.fill import Run, RunError, executor
from pipeline.run.plan import Plan
from pipeline.search.possible import require_possible
from pipeline.search.space import Axis

Values = dict[str, Any]  # by axis, such as {"set.lr": 0.01, "args.hidden": [64]}
DIGITS = 4  # significant ones of a searched number, so that a promoted recipe reads like a written one


class Subject:
    """A trial is the train cell of the row's first seed with some values changed, so a promoted row finds it made.

    Judged by its task's metric on the validation split alone. All that decides it but the searched values is part of
    `name`.
    """

    def __init__(self, plan: Plan, key: str, jobs: int = 1) -> None:
        """Makes what the row is trained on where it is missing, since its digest is a part of what is searched.

        ParamsError, before anything is made, where the space could make a trial that can't be.
        """
        self.plan, self.key, self.seed, self.jobs = plan, key, plan.params.seeds_of(key)[0], jobs
        space, self.experiment = plan.params.search[key], plan.params.experiments[key]
        self.trials, self.sampler = space.trials, space.sampler
        self.axes: dict[str, Axis] = {f"set.{k}": a for k, a in space.set.items()}
        self.axes |= {f"args.{k}": a for k, a in space.args.items()}
        require_possible(plan.params, key, self.axes)
        self.journal = paths.journal(plan.params.profile, key)
        task = plan.params.data[self.experiment.data].task
        self.metric: str = introspection.constant(f"tasks/{task}", "METRIC")
        Run(executor(jobs)).fill(self.default.inputs.values())

    @cached_property
    def default(self) -> Cell:
        return self.plan.train(self.key, self.seed)

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

    def cell(self, values: Values) -> Cell:
        """Of a trial, ready to be trained; ParamsError where the recipe or the model can't take the values.

        Values that a frozen network's features depend on, such as arguments, have features of their own made first.
        """
        changes = {section: _below(section, self.changed(values)) for section in ("set", "args")}
        try:
            introspection.options(self.experiment.model, "build").model_validate(self.experiment.args | changes["args"])
            cell = self.plan.trial(self.key, self.seed, changes)
            Run(executor(self.jobs)).fill(cell.inputs.values())
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


def choose(known: loading.Params, experiment: str | None) -> str:
    """The experiment to search: the named one or the first of the section; ParamsError lists what there is."""
    if not known.search:
        raise ParamsError("params.yaml: nothing to search; give the section search an entry for an experiment")
    if experiment in known.experiments and experiment not in known.search:
        raise ParamsError(f"params.yaml: search has no entry {experiment!r}; it has: {', '.join(known.search)}")
    if experiment and experiment not in known.search:
        raise ParamsError(unknown("experiment to search", experiment, known.search))
    return experiment or next(iter(known.search))


def shown(values: Values) -> str:
    """`lr 0.002, batch_size 64`"""
    return ", ".join(f"{name.partition('.')[2]} {value}" for name, value in values.items())


def _below(section: str, values: Values) -> Values:
    return {name.partition(".")[2]: value for name, value in values.items() if name.startswith(section + ".")}
