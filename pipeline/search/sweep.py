"""A sweep: trials side by side, each the train cell of some values, until there are enough or time is up."""

import time
from collections.abc import Mapping
from contextlib import closing
from math import inf, isfinite
from statistics import fmean

from pipeline.cells.cell import Cell
from pipeline.config.loading import ParamsError
from pipeline.run.durations import format_duration
from pipeline.run.executors.contract import CellOutcome
from pipeline.run.fill import Run
from pipeline.search.space import JUDGED
from pipeline.search.study import Asked, Study
from pipeline.search.subject import Subject, outcome, shown


class Sweep:
    """Trials of a study for as many epochs as `target` whole trainings have, however many sweeps made them; none is
    begun after `seconds`.

    The experiment's own values are trained first, also where the space does not have them, so that a best trial is
    always seen beside them. Cells of equal values are trained once. A trial fails alone: by a result of status
    `failed`, by values that can't be, or by a crash of its process.
    """

    def __init__(self, subject: Subject, study: Study, target: int, seconds: float | None) -> None:
        self.subject, self.study, self.target = subject, study, target
        self.end = time.monotonic() + seconds if seconds else None
        self.baseline_asked = False
        self.jobs, self.took, self.before = 1, 0.0, study.done  # seconds spent in training, epochs of earlier sweeps
        self.waiting: dict[str, list[Asked]] = {}  # for the cell of this key

    def run(self, run: Run) -> None:
        """RunError where the executor died; what was running is taken up by the next sweep."""
        self.jobs = run.executor.slots
        with closing(run.flow(self._more)) as flow:
            for ended in flow:
                self._ended(ended)
        if not self.late:
            self.study.close()
            self._judge(run)

    def _judge(self, run: Run) -> None:
        """Train the best trials, and the default, with further seeds, where those are asked for."""
        seeds = self.subject.further_seeds
        if not seeds or self.study.default is None:
            return
        best = [trial for trial in self.study.settled if trial.value is not None][:JUDGED]
        asked = [self.study.default, *(trial for trial in best if trial.values != self.subject.defaults)]
        cells = {trial.number: [self.subject.cell(trial.values, seed) for seed in seeds] for trial in asked}
        run.fill(cell for group in cells.values() for cell in group)
        for trial in asked:
            values = [trial.value, *(outcome(cell)[0] for cell in cells[trial.number])]
            known = [value for value in values if value is not None]
            self.study.judge(trial.number, fmean(known) if len(known) == len(values) else None)

    @property
    def late(self) -> bool:
        return self.end is not None and time.monotonic() >= self.end

    @property
    def whole(self) -> int:
        """Epochs of all trials together."""
        return self.target * self.subject.rungs[-1]

    def _more(self) -> Cell | None:
        """The next cell that has to be trained; trials that need none are dealt with on the way."""
        if not self.baseline_asked:
            self.baseline_asked = True
            if not self.subject.default.complete:
                self.waiting[self.subject.default.key] = []
                return self.subject.default
            self._tell_default()
        while not self.late and (asked := self.study.ask(self.whole - self.study.epochs)):
            try:
                cell = self.subject.cell(asked.values)
            except ParamsError as error:
                self._tell(asked, None, str(error))
                continue
            if cell.key in self.waiting:
                self.waiting[cell.key].append(asked)
            elif cell.complete or self.subject.trained(cell) >= asked.until:
                self._ended_for(asked, cell, 0.0)
            else:
                self.waiting[cell.key] = [asked]
                return self.subject.until(cell, asked.until)
        return None

    def _ended(self, ended: CellOutcome) -> None:
        waiting = self.waiting.pop(ended.cell.key)
        if ended.cell.key == self.subject.default.key and not ended.problem:
            self._tell_default(ended.seconds)
        for asked in waiting:
            if ended.problem:
                self._tell(asked, None, ended.problem, ended.seconds)
            elif ended.cell.complete or self.subject.trained(ended.cell) >= asked.until:
                self._ended_for(asked, ended.cell, ended.seconds)
            else:
                self.study.again(asked)

    def _ended_for(self, asked: Asked, cell: Cell, seconds: float) -> None:
        """The trial has come to where it was asked to come."""
        seen = self.subject.curve(cell)
        if cell.complete:
            self._tell(asked, *outcome(cell), seconds, seen)
            return
        seen = {epoch: value for epoch, value in seen.items() if epoch <= asked.until}
        if not all(map(isfinite, seen.values())):
            self._tell(asked, None, f"what is watched on validation is {seen[asked.until]}", seconds)
            return
        given_up = self.study.pause(asked, seen)
        told = f"{seen[asked.until]:.4f} after {asked.until} of {self.subject.rungs[-1]} epochs"
        self._print(asked, f"{told}{', given up' if given_up else ''}", seconds)

    def _tell_default(self, seconds: float = 0.0) -> None:
        self.study.tell_default()
        assert self.study.default
        told = _told(self.study.default.value, self.study.default.reason)
        print(f"[default] {told}  {_spent(seconds)}  {shown(self.subject.defaults)}", flush=True)

    def _tell(
        self,
        asked: Asked,
        value: float | None,
        reason: str | None,
        seconds: float = 0.0,
        seen: Mapping[int, float] = {},
    ) -> None:
        self.study.tell(asked.trial, value, reason, seen)
        self._print(asked, _told(value, reason), seconds)

    def _print(self, asked: Asked, told: str, seconds: float) -> None:
        self.took += seconds
        done = round(self.study.done / self.subject.rungs[-1], 1)
        print(f"[{done:g}/{self.target}{self._left()}] {told}  {_spent(seconds)}  {shown(asked.values)}", flush=True)

    def _left(self) -> str:
        """`, 40 s left`, as epochs took so far; the sweep's own end may come earlier."""
        done = self.study.done
        missing = self.whole - done
        if not self.took or missing <= 0 or done <= self.before:
            return ""
        seconds = self.took / (done - self.before) * missing / self.jobs
        return f", {format_duration(max(0.0, min(seconds, (self.end or inf) - time.monotonic())))} left"


def _told(value: float | None, reason: str | None) -> str:
    return f"{value:.4f}" if value is not None else f"FAILED: {reason}"


def _spent(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds else "at hand"
