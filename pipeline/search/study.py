"""The trials of a search, and what to train next; with `trials`, `samplers` and `pruners` the only `import optuna`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from pipeline.search.cube import Cube
from pipeline.search.freeze_thaw import choose
from pipeline.search.journal import JournalError
from pipeline.search.pruners import pruner
from pipeline.search.samplers import STARTUP, sampler
from pipeline.search.subject import Subject, Values, outcome
from pipeline.search.trials import (
    AGAIN,
    SPENT,
    UNTIL,
    Finished,
    coded,
    counted,
    curves,
    distribution,
    is_settled,
    plain,
)


@dataclass(frozen=True)
class Asked:
    """A trial to be trained until after an epoch, the last or one at which it pauses."""

    trial: Trial
    values: Values
    until: int


class Study:
    """The trials of one subject in its journal.

    A trial is settled once it has a value or a reason. A paused one, and one that a kill left running, has neither and
    goes on from its checkpoint: nothing is lost or counted twice.
    """

    def __init__(self, subject: Subject, create: bool = True) -> None:
        """Open or start the study; JournalError where `create` is false and there is none."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.subject, self.last = subject, subject.rungs[-1]
        self.axes = {name: distribution(axis) for name, axis in subject.axes.items()}
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
        self.study.pruner = pruner(subject.pruner, subject.rungs)
        self.going_on: list[Asked] = []  # before anything else
        if create:
            self._take_up()

    def _take_up(self) -> None:
        """Queue the default first of all, if the space has it; what a kill left in training goes on before that."""
        if "parts" not in self.study.user_attrs:
            self.study.set_user_attr("parts", self.subject.parts)
        default = self._params(self.subject.defaults)
        if None not in default.values() and not any(t.user_attrs.get("default") for t in self._trials):
            self.study.enqueue_trial(default, user_attrs={"default": True})
        for left in (t for t in self._trials if t.state == TrialState.RUNNING):
            until = left.user_attrs.get(UNTIL, self.subject.rungs[0])
            if set(left.params) != set(self.axes) or is_settled(left):
                self.study.tell(left.number, state=TrialState.FAIL)  # killed between two lines about it
            elif until != left.last_step:
                self._go_on(self._open(left), until)
            elif not self.subject.freezes:
                self._further(self._open(left), until)

    @property
    def _trials(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def _params(self, values: Values) -> dict[str, Any]:
        return {name: coded(known, values[name]) for name, known in self.axes.items()}

    def _open(self, trial: FrozenTrial) -> Trial:
        return Trial(self.study, trial._trial_id)

    def ask(self, left: int) -> Asked | None:
        """What to train next, as if the sweep had never been stopped; None where nothing fits into `left` epochs."""
        if self.going_on:
            return self.going_on.pop(0)
        queued = any(t.state == TrialState.WAITING for t in self._trials)
        if self.subject.freezes and self.axes and not queued:
            return self._chosen(left)
        reserved = sum(self.last - t.user_attrs.get(UNTIL, 0) for t in self._trials if t.state == TrialState.RUNNING)
        if left - reserved < self.last:
            return None
        self.study.sampler = sampler(self.subject.sampler, self.subject.chance, self.asked)
        return self._asked(self.study.ask(self.axes), self.subject.rungs[0])

    def _chosen(self, left: int) -> Asked | None:
        """By freeze-thaw. A trial that an earlier sweep gave up at its end goes on under a new number."""
        cube, axes = Cube(self.subject.axes), self.subject.axes
        trials = [t for t in counted(self._trials) if set(t.params) == set(axes)]
        before = self.study.user_attrs.get("curves", {})
        choice = choose(
            curves(trials, axes, self.last), cube, self.subject.rungs, left, self.subject.chance, fitted := {**before}
        )
        if fitted != before:
            self.study.set_user_attr("curves", fitted)
        if choice is None:
            return None
        chosen = None if choice.trial is None else trials[choice.trial]
        if chosen and chosen.state == TrialState.RUNNING:
            return self._asked(self._open(chosen), choice.epoch)
        params = chosen.params if chosen else self._params(cube.values(choice.point))
        self.study.enqueue_trial(params, user_attrs={AGAIN: chosen.number} if chosen else None)
        trial = self.study.ask(self.axes)
        if chosen:
            self._report(trial, chosen.intermediate_values)
        return self._asked(trial, choice.epoch)

    def _asked(self, trial: Trial, until: int) -> Asked:
        trial.set_user_attr(UNTIL, until)
        values = plain(trial, self.subject.axes)
        return Asked(trial, {name: self.subject.rounded(name, value) for name, value in values.items()}, until)

    def _go_on(self, trial: Trial, until: int) -> None:
        self.going_on.append(self._asked(trial, until))

    def pause(self, asked: Asked, seen: Mapping[int, float]) -> bool:
        """Keep what was watched on validation by epoch, so far; returns whether the trial is given up."""
        self._report(asked.trial, seen)
        return not self.subject.freezes and self._further(asked.trial, asked.until)

    def _further(self, trial: Trial, until: int) -> bool:
        """Where only values are chosen, a trial goes on at once unless the pruner gives it up; returns whether."""
        if trial.should_prune():
            self.study.tell(trial, state=TrialState.PRUNED)
            return True
        self._go_on(trial, next(rung for rung in self.subject.rungs if rung > until))
        return False

    def again(self, asked: Asked) -> None:
        """Ask the same once more, before anything else."""
        self.going_on.append(asked)

    def tell(self, trial: Trial, value: float | None, reason: str | None, seen: Mapping[int, float] = {}) -> None:
        """The trial's value, or why it has none. seen: what was watched by epoch."""
        if value is None:
            trial.set_user_attr(SPENT, self.done)
            trial.set_user_attr("reason", reason or "unknown")  # first of what makes it settled
            self.study.tell(trial, state=TrialState.FAIL)
        else:
            self._report(trial, seen)
            if trial.user_attrs.get(UNTIL) != self.last:  # it was at hand, or stopped early by itself
                trial.set_user_attr(UNTIL, self.last)
            trial.set_user_attr(SPENT, self.done + self.last - (self._trials[trial.number].last_step or 0))
            self.study.tell(trial, value)

    def _report(self, trial: Trial, seen: Mapping[int, float]) -> None:
        known = self._trials[trial.number].intermediate_values if seen else {}
        for epoch in sorted(seen.keys() - known.keys()):
            trial.report(seen[epoch], epoch)

    def close(self) -> None:
        """Give up what is paused: a larger sweep may take it up again."""
        for trial in self._trials:
            if trial.state == TrialState.RUNNING:
                self.study.tell(trial.number, state=TrialState.PRUNED)

    @property
    def default(self) -> Finished | None:
        """The experiment as it stands, as trial -1; None before it was trained."""
        found = self.study.user_attrs.get("default")
        return Finished(-1, self.subject.defaults, found["value"], found["reason"]) if found else None

    def tell_default(self) -> None:
        """Keep the outcome of the default's cell, which must be finished."""
        value, reason = outcome(self.subject.default)
        self.study.set_user_attr("default", {"value": value, "reason": reason})

    def _finished(self, trial: FrozenTrial) -> Finished:
        values = {name: self.subject.rounded(name, v) for name, v in plain(trial, self.subject.axes).items()}
        value = trial.value if trial.state == TrialState.COMPLETE else None
        epochs, spent = (trial.user_attrs.get(name) for name in (UNTIL, SPENT))
        return Finished(trial.number, values, value, trial.user_attrs.get("reason"), epochs or self.last, spent)

    @property
    def settled(self) -> list[Finished]:
        """By value, best first and earliest first among equals; the failed ones last."""
        found = [self._finished(trial) for trial in self._trials if is_settled(trial)]
        return sorted(found, key=lambda f: (f.value is None, -(f.value or 0.0), f.number))

    @property
    def asked(self) -> int:
        """Trials that are settled, running, paused or given up."""
        return len(counted(self._trials))

    @property
    def epochs(self) -> int:
        """That were asked of all trials, those of a trial that failed included."""
        return sum(t.user_attrs.get(UNTIL, self.last) for t in counted(self._trials))

    @property
    def done(self) -> int:
        """Epochs that the trials have behind them; a settled one all that were asked of it."""
        running = [t for t in self._trials if t.state == TrialState.RUNNING]
        return self.epochs - sum(t.user_attrs.get(UNTIL, self.last) - (t.last_step or 0) for t in running)

    @property
    def given_up(self) -> list[Finished]:
        """Before their last epoch."""
        return [self._finished(trial) for trial in counted(self._trials) if trial.state == TrialState.PRUNED]

    def judge(self, number: int, mean: float | None) -> None:
        """Keep a trial's mean over seeds; -1 is the default. None where a seed failed."""
        self.study.set_user_attr(self._judged, {**self.study.user_attrs.get(self._judged, {}), str(number): mean})

    @property
    def _judged(self) -> str:
        return f"judged by {self.subject.space.seeds} seeds"

    @property
    def judged(self) -> list[Finished]:
        """The default and what was judged by more than one seed, the best first; empty where nothing was."""
        means = self.study.user_attrs.get(self._judged, {})
        every = [*([self.default] if self.default else []), *self.settled]
        found = [replace(trial, value=means[str(trial.number)]) for trial in every if str(trial.number) in means]
        return sorted(found, key=lambda f: (f.value is None, -(f.value or 0.0)))

    @property
    def better(self) -> tuple[Finished, Finished] | None:
        """The best trial and the default, if it is above that, or that has no value: by their means over seeds, where
        they were judged by several."""
        judged = self.judged
        default = next((t for t in judged if t.number < 0), self.default)
        best = next((t for t in judged or self.settled if t.number >= 0 and t.value is not None), None)
        if best is None or best.value is None or default is None:
            return None
        return (best, default) if default.value is None or best.value > default.value else None

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
