"""What the search knows of a trial in Optuna's words, and the other way round."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, Trial, TrialState

from pipeline.search.cube import Cube
from pipeline.search.freeze_thaw import Curve
from pipeline.search.space import Axis

UNTIL = "until"  # attribute of a trial: the epoch that it was last asked to be trained to
SPENT = "spent"  # of a settled trial: epochs that all had behind them when it ended
AGAIN = "again"  # of a trial that goes on with one that was given up: the number of that one


@dataclass(frozen=True)
class Finished:
    """A trial with its result; value: None where it failed for `reason`, or was given up. epochs: that it was trained.
    spent: epochs that all trials had behind them when it ended."""

    number: int
    values: dict[str, Any]
    value: float | None
    reason: str | None = None
    epochs: int = 0
    spent: int | None = None


def distribution(axis: Axis) -> BaseDistribution:
    if axis.choices is not None:  # as JSON: a choice may be a list, and the journal has to find it again
        return CategoricalDistribution(tuple(json.dumps(choice) for choice in axis.choices))
    assert axis.low is not None and axis.high is not None
    if axis.whole:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return FloatDistribution(float(axis.low), float(axis.high), log=axis.log)


def coded(known: BaseDistribution, value: Any) -> Any:
    """A value as Optuna knows it; None where the distribution does not have it."""
    if isinstance(known, CategoricalDistribution):
        return next((c for c in known.choices if json.loads(str(c)) == value), None)
    assert isinstance(known, FloatDistribution | IntDistribution)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    whole = isinstance(known, FloatDistribution) or isinstance(value, int)
    return value if whole and known.low <= value <= known.high else None


def plain(trial: Trial | FrozenTrial, axes: Mapping[str, Axis]) -> dict[str, Any]:
    """The values that were chosen, by axis."""
    found = {n: json.loads(v) if axes[n].choices is not None else v for n, v in trial.params.items()}
    return {name: found[name] for name in axes if name in found}


def is_settled(trial: FrozenTrial) -> bool:
    """Whether it has a value or a reason."""
    return trial.state == TrialState.COMPLETE or "reason" in trial.user_attrs


def counted(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Those that are settled, running, paused or given up: not what waits, was stopped before it began, or goes on
    under another number."""
    trials = list(trials)
    replaced = {t.user_attrs.get(AGAIN) for t in trials}
    going = (TrialState.RUNNING, TrialState.PRUNED)
    return [t for t in trials if (is_settled(t) or t.state in going) and t.number not in replaced]


def curves(trials: list[FrozenTrial], axes: Mapping[str, Axis], last: int) -> list[Curve]:
    """Of trials that have all values, as the model of learning curves sees them: one that failed is the worst."""
    cube, found = Cube(axes), []
    worst = min((value for t in trials for value in t.intermediate_values.values()), default=0.0)
    for trial in trials:
        failed = trial.state == TrialState.FAIL
        complete = trial.state == TrialState.COMPLETE
        seen = {last: worst} if failed else trial.intermediate_values
        if complete and last not in seen:  # a trial of before it was always reported
            seen = {**seen, last: trial.values[0]}
        closed = failed or complete
        found.append(Curve(cube.point(plain(trial, axes)), seen, trial.user_attrs.get(UNTIL, 0), closed))
    return found
