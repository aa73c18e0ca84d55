"""How sweeps ended: the trials of one, and one beside the other."""

from dataclasses import dataclass

from pipeline.search.study import Study
from pipeline.search.subject import Subject, shown
from pipeline.search.trials import Finished

BEST = 5  # rows of a sweep's table


@dataclass(frozen=True)
class Searched:
    """A sweep that ended. target: whole trainings that it was to have."""

    subject: Subject
    study: Study
    target: int

    @property
    def sound(self) -> bool:
        """Whether the default and at least one trial, if there is any, could be trained."""
        settled = self.study.settled
        return self.study.default is not None and not (settled and settled[0].value is None)


def overview(sweeps: list[Searched]) -> str:
    """A line an experiment: the default, the best trial and what was spent on it, in whole trainings."""
    rows = [["experiment", "metric", "default", "best", "gain", "trainings", "trials"]]
    for found in sweeps:
        study, default = found.study, found.study.default
        judged = {trial.number: trial.value for trial in study.judged}
        best = next((t.value for t in study.judged or study.settled if t.number >= 0 and t.value is not None), None)
        known = judged.get(-1, default.value if default else None)
        gain = "" if best is None or known is None else f"{best - known:+.4f}"
        spent = f"{study.done / found.subject.rungs[-1]:.1f}"
        rows.append(
            [found.subject.key, found.subject.metric, _number(known), _number(best), gain, spent, str(study.asked)]
        )
    lines = ["on validation, each beside its own default:", *_aligned(rows)]
    if len({found.target for found in sweeps}) > 1:
        lines.append("budgets differ; TRIALS= gives all of them the same")
    better = [found.subject.key for found in sweeps if found.study.better]
    if better:
        return "\n".join([*lines, f"next: make promote   (adds {len(better)} of {len(sweeps)}), then make repro"])
    return "\n".join([*lines, "next: nothing to promote, no best trial is above its default"])


def summary(subject: Subject, study: Study) -> str:
    """The best trials under the default, what mattered, what failed and what to do next."""
    settled, default = study.settled, study.default
    best = {shown(t.values): t for t in reversed(settled) if t.value is not None and t.values != subject.defaults}
    failed = [t for t in settled if t.value is None]
    lines = [
        f"{subject.key}, {subject.plan.params.profile}: {subject.metric} on validation, seed {subject.seed}; "
        f"{len(settled)} trials{_paused(study)} of study {subject.name}"
    ]
    lines += _table(subject, [*([default] if default else []), *[*reversed(best.values())][:BEST]])
    shares = study.importance()
    if study.judged:
        means = ", ".join(f"{_name(trial)} {_number(trial.value)}" for trial in study.judged)
        lines.append(f"means over {subject.space.seeds} seeds: {means}")
    lines += ["importance: " + ", ".join(f"{n.partition('.')[2]} {s:.2f}" for n, s in shares.items())] if shares else []
    lines += [f"failed: trial {t.number} ({shown(t.values)}): {(t.reason or '').splitlines()[0]}" for t in failed]
    return "\n".join([*lines, _advice(subject, study)])


def _table(subject: Subject, trials: list[Finished]) -> list[str]:
    """A line a trial, of which the default has number -1; columns aligned."""
    rows = [["trial", subject.metric, *(name.partition(".")[2] for name in subject.axes)]]
    for trial in trials:
        rows.append([_name(trial), _number(trial.value), *(str(trial.values[axis]) for axis in subject.axes)])
    return _aligned(rows)


def _paused(study: Study) -> str:
    return f" and {len(study.given_up)} of fewer epochs" if study.given_up else ""


def _advice(subject: Subject, study: Study) -> str:
    if study.better:
        return f"next: make promote EXPERIMENT={subject.key}   (then make repro makes both rows, over all seeds)"
    if study.default is None:
        return "the default could not be trained; run the same command again once it is mended"
    return "next: nothing to promote, no trial is above the default; a larger TRIALS= or another space may find one"


def _name(trial: Finished) -> str:
    return "default" if trial.number < 0 else str(trial.number)


def _number(value: float | None) -> str:
    return "failed" if value is None else f"{value:.4f}"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
