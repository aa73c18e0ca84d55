"""A sweep: trials side by side, each the train cell of some values, until there are enough or time is up."""

import time
from contextlib import closing
from math import inf
from statistics import fmean

from pipeline.cells.cell import Cell
from pipeline.config.loading import ParamsError
from pipeline.run.durations import format_duration
from pipeline.run.executors.contract import CellOutcome
from pipeline.run.fill import Run, executor
from pipeline.search.study import Finished, Study, Trial
from pipeline.search.subject import Subject, Values, outcome, shown

BEST = 5  # rows of the closing table


class Sweep:
    """Trials of a study up to `target` in all, however many sweeps made them; none is begun after `seconds`.

    The experiment's own values are trained first, also where the space does not have them, so that a best trial is
    always seen beside them. Cells of equal values are trained once. A trial fails alone: by a result of status
    `failed`, by values that can't be, or by a crash of its process.
    """

    def __init__(self, subject: Subject, study: Study, target: int, seconds: float | None) -> None:
        self.subject, self.study, self.target = subject, study, target
        self.end = time.monotonic() + seconds if seconds else None
        self.baseline_asked = False
        self.jobs, self.took = 1, list[float]()  # seconds of the cells that were trained
        self.waiting: dict[str, list[tuple[Trial, Values]]] = {}  # for the cell of this key

    def run(self, jobs: int) -> None:
        """RunError where the warm interpreter died; what was running is taken up by the next sweep."""
        self.jobs = max(jobs, 1)
        with closing(Run(executor(jobs)).flow(self._more)) as flow:
            for ended in flow:
                self._ended(ended)

    def _more(self) -> Cell | None:
        """The next cell that has to be trained; trials that need none are settled on the way."""
        if not self.baseline_asked:
            self.baseline_asked = True
            if not self.subject.default.complete:
                self.waiting[self.subject.default.key] = []
                return self.subject.default
            self._tell_default()
        while self.study.asked < self.target and not (self.end and time.monotonic() >= self.end):
            trial, values = self.study.ask()
            try:
                cell = self.subject.cell(values)
            except ParamsError as error:
                self._tell(trial, values, None, str(error))
                continue
            if cell.key in self.waiting:
                self.waiting[cell.key].append((trial, values))
            elif cell.complete:
                self._tell(trial, values, *outcome(cell))
            else:
                self.waiting[cell.key] = [(trial, values)]
                return cell
        return None

    def _ended(self, ended: CellOutcome) -> None:
        trials = self.waiting.pop(ended.cell.key)
        self.took.append(ended.seconds)
        if ended.cell.key == self.subject.default.key and not ended.problem:
            self._tell_default(ended.seconds)
        for trial, values in trials:
            value, reason = (None, ended.problem) if ended.problem else outcome(ended.cell)
            self._tell(trial, values, value, reason, ended.seconds)

    def _tell_default(self, seconds: float = 0.0) -> None:
        self.study.tell_default()
        assert self.study.default
        told = _told(self.study.default.value, self.study.default.reason, seconds)
        print(f"[default] {told}  {shown(self.subject.defaults)}", flush=True)

    def _tell(
        self, trial: Trial, values: Values, value: float | None, reason: str | None, seconds: float = 0.0
    ) -> None:
        self.study.tell(trial, value, reason)
        told = _told(value, reason, seconds)
        print(f"[{len(self.study.settled)}/{self.target}{self._left()}] {told}  {shown(values)}", flush=True)

    def _left(self) -> str:
        """`, 40 s left`, as cells took so far; the sweep's own end may come earlier."""
        missing = self.target - len(self.study.settled)
        if not self.took or missing <= 0:
            return ""
        seconds = fmean(self.took) * missing / self.jobs
        return f", {format_duration(max(0.0, min(seconds, (self.end or inf) - time.monotonic())))} left"


def summary(subject: Subject, study: Study) -> str:
    """The best trials under the default, what mattered, what failed and what to do next."""
    settled, default = study.settled, study.default
    best = {shown(t.values): t for t in reversed(settled) if t.value is not None and t.values != subject.defaults}
    failed = [t for t in settled if t.value is None]
    lines = [
        f"{subject.key}, {subject.plan.params.profile}: {subject.metric} on validation, seed {subject.seed}; "
        f"{len(settled)} trials of study {subject.name}"
    ]
    lines += _table(subject, [*([default] if default else []), *[*reversed(best.values())][:BEST]])
    shares = study.importance()
    lines += ["importance: " + ", ".join(f"{n.partition('.')[2]} {s:.2f}" for n, s in shares.items())] if shares else []
    lines += [f"failed: trial {t.number} ({shown(t.values)}): {(t.reason or '').splitlines()[0]}" for t in failed]
    return "\n".join([*lines, _advice(subject, study)])


def _table(subject: Subject, trials: list[Finished]) -> list[str]:
    """A line a trial, of which the default has number -1; columns aligned."""
    rows = [["trial", subject.metric, *(name.partition(".")[2] for name in subject.axes)]]
    for trial in trials:
        name = "default" if trial.number < 0 else str(trial.number)
        value = "failed" if trial.value is None else f"{trial.value:.4f}"
        rows.append([name, value, *(str(trial.values[axis]) for axis in subject.axes)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _advice(subject: Subject, study: Study) -> str:
    if study.better:
        return f"next: make promote EXPERIMENT={subject.key}   (then make repro makes both rows, over all seeds)"
    if study.default is None:
        return "the default could not be trained; run the same command again once it is mended"
    return "next: nothing to promote, no trial is above the default; a larger TRIALS= or another space may find one"


def _told(value: float | None, reason: str | None, seconds: float) -> str:
    spent = f"{seconds:.1f} s" if seconds else "at hand"
    return f"{value:.4f}  {spent}" if value is not None else f"FAILED: {reason}  {spent}"
