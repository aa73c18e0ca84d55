"""The trials of a search, and which values to try next; with `samplers` the only `import optuna`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from pipeline.search.journal import JournalError
from pipeline.search.samplers import STARTUP, sampler
from pipeline.search.space import Axis
from pipeline.search.subject import Subject, Values, outcome


@dataclass(frozen=True)
class Finished:
    """A trial with its result; value: None where it failed for `reason`."""

    number: int
    values: Values
    value: float | None
    reason: str | None = None


class Study:
    """The trials of one subject in its journal.

    A trial is settled once it has a value or a reason. One that a kill left running has neither: it is marked failed
    and its values are queued again, so that nothing is lost or counted twice.
    """

    def __init__(self, subject: Subject, create: bool = True) -> None:
        """Open or start the study; JournalError where `create` is false and there is none."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.subject = subject
        self.axes = {name: _distribution(axis) for name, axis in subject.axes.items()}
        storage = _storage(subject.journal, create)
        names = optuna.get_all_study_names(storage)
        self.new = subject.name not in names
        if self.new and not create:
            raise JournalError(
                f"no sweep of {subject.key} as it now is in {subject.journal.name}; "
                f"run `make sweep EXPERIMENT={subject.key}` first"
            )
        self.changed = _changed(storage, names, subject) if self.new else None
        if self.new:
            optuna.create_study(storage=storage, study_name=subject.name, direction="maximize")
        self.study = optuna.load_study(storage=storage, study_name=subject.name)
        if create:
            self._take_up()

    def _take_up(self) -> None:
        """Queue the default first of all, if the space has it; fail what a kill left running and queue it again."""
        if "parts" not in self.study.user_attrs:
            self.study.set_user_attr("parts", self.subject.parts)
        trials = self.study.get_trials(deepcopy=False)
        default = {name: _coded(distribution, self.subject.defaults[name]) for name, distribution in self.axes.items()}
        if None not in default.values() and not any(t.user_attrs.get("default") for t in trials):
            self.study.enqueue_trial(default, user_attrs={"default": True})
        for left in (t for t in trials if t.state == TrialState.RUNNING):
            self.study.tell(left.number, state=TrialState.FAIL)
            if not _is_settled(left) and set(left.params) == set(self.axes):
                self.study.enqueue_trial(left.params, user_attrs=left.user_attrs)

    def ask(self) -> tuple[Trial, Values]:
        """The next trial, as if the sweep had never been stopped."""
        self.study.sampler = sampler(self.subject.sampler, self.subject.seed, self.asked)
        trial = self.study.ask(self.axes)
        return trial, _values(trial, self.subject)

    def tell(self, trial: Trial, value: float | None, reason: str | None) -> None:
        """The trial's value, or why it has none."""
        if value is None:
            trial.set_user_attr("reason", reason or "unknown")  # first: this is what makes it settled
            self.study.tell(trial, state=TrialState.FAIL)
        else:
            self.study.tell(trial, value)

    @property
    def default(self) -> Finished | None:
        """The experiment as it stands, as trial -1; None before it was trained."""
        found = self.study.user_attrs.get("default")
        return Finished(-1, self.subject.defaults, found["value"], found["reason"]) if found else None

    def tell_default(self) -> None:
        """Keep the outcome of the default's cell, which must be finished."""
        value, reason = outcome(self.subject.default)
        self.study.set_user_attr("default", {"value": value, "reason": reason})

    @property
    def settled(self) -> list[Finished]:
        """By value, best first and earliest first among equals; the failed ones last."""
        found = [
            Finished(
                t.number,
                _values(t, self.subject),
                t.value if t.state == TrialState.COMPLETE else None,
                t.user_attrs.get("reason"),
            )
            for t in self.study.get_trials(deepcopy=False)
            if _is_settled(t)
        ]
        return sorted(found, key=lambda f: (f.value is None, -(f.value or 0.0), f.number))

    @property
    def asked(self) -> int:
        """Trials that are settled or running."""
        trials = self.study.get_trials(deepcopy=False)
        return sum(_is_settled(t) or t.state == TrialState.RUNNING for t in trials)  # not what waits or was killed

    @property
    def better(self) -> Finished | None:
        """The best trial, if its value is above the default's, or the default has none."""
        best, default = next((t for t in self.settled if t.value is not None), None), self.default
        if best is None or best.value is None or default is None:
            return None
        return best if default.value is None or best.value > default.value else None

    def importance(self) -> dict[str, float]:
        """Share of each axis in what makes a trial good (PED-ANOVA); empty where trials are too few or too alike."""
        if len(self.axes) < 2 or len({t.value for t in self.settled} - {None}) < STARTUP:
            return {}
        try:
            return optuna.importance.get_param_importances(self.study)
        except (ValueError, RuntimeError):
            return {}


def _storage(journal: Path, create: bool) -> JournalStorage:
    if not create and not journal.is_file():
        raise JournalError(f"no sweep yet: {journal.name} is missing; run `make sweep` first")
    return JournalStorage(JournalFileBackend(str(journal)))


def _changed(storage: JournalStorage, names: list[str], subject: Subject) -> str | None:
    """Why the last study of the journal can't be gone on with; None where there is none."""
    if not names:
        return None
    last = optuna.load_study(study_name=names[-1], storage=storage)
    before = last.user_attrs.get("parts", {})
    what = [part for part, digest in subject.parts.items() if before.get(part) != digest]
    return f"{' and '.join(what)} changed since study {names[-1]} ({len(last.trials)} trials)"


def _distribution(axis: Axis) -> BaseDistribution:
    if axis.choices is not None:  # as JSON: a choice may be a list, and the journal has to find it again
        return CategoricalDistribution(tuple(json.dumps(choice) for choice in axis.choices))
    assert axis.low is not None and axis.high is not None
    if isinstance(axis.low, int) and isinstance(axis.high, int):
        return IntDistribution(axis.low, axis.high, log=axis.log)
    return FloatDistribution(float(axis.low), float(axis.high), log=axis.log)


def _coded(distribution: BaseDistribution, value: Any) -> Any:
    """A value as Optuna knows it; None where the distribution does not have it."""
    if isinstance(distribution, CategoricalDistribution):
        return next((c for c in distribution.choices if json.loads(str(c)) == value), None)
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    whole = isinstance(distribution, FloatDistribution) or isinstance(value, int)
    return value if whole and distribution.low <= value <= distribution.high else None


def _values(trial: Trial | FrozenTrial, subject: Subject) -> Values:
    """What a trial trains with."""
    plain = {n: json.loads(v) if subject.axes[n].choices is not None else v for n, v in trial.params.items()}
    return {name: subject.rounded(name, plain[name]) for name in subject.axes if name in plain}


def _is_settled(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.COMPLETE or "reason" in trial.user_attrs
