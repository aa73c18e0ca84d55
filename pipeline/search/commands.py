"""Commands behind the Makefile: `python -m pipeline.search.commands sweep` and `promote`."""

import argparse
import sys
from collections.abc import Callable

from pipeline import command_line, params, paths, runner
from pipeline.params import ParamsError
from pipeline.plan import Plan
from pipeline.search.journal import JournalError, held
from pipeline.search.promote import promote as add
from pipeline.search.subject import Subject, choose


def sweep(options: argparse.Namespace) -> int:
    """Search one experiment's space on the validation split; goes on where an earlier sweep stopped."""
    from pipeline.search.study import Study  # optuna: only where it is needed
    from pipeline.search.sweep import Sweep, summary

    subject, jobs = _subject(options)
    target = options.trials or subject.trials
    with held(subject.journal) as mended:
        study = Study(subject)
        before = len(study.settled)
        state = "new" if study.new else f"{before} trials done before"
        if mended:
            print(mended)
        if study.changed:
            print(f"{study.changed}; trials from before can't be compared, so a new study begins")
        print(f"{subject.key}: {target} trials in all, {jobs} side by side, study {subject.name} ({state})", flush=True)
        Sweep(subject, study, target, options.timeout).run(jobs)
        print("\n" + summary(subject, study))
        done = study.settled
        if len(done) < target:
            print(f"time is up after {len(done)} of {target} trials; the same command goes on")
    return 1 if study.default is None or (done and done[0].value is None) else 0


def promote(options: argparse.Namespace) -> int:
    """Add the best trial to params.yaml as a recipe and a row beside the default."""
    from pipeline.search.study import Study

    subject, _ = _subject(options)
    study = Study(subject, create=False)
    best, default = study.better, study.default
    if best is None or default is None:
        raise ParamsError(
            f"{subject.key}: none of {len(study.settled)} trials is above the default on validation; "
            "params.yaml stays as it is. A larger TRIALS= or another space may find one"
        )
    against = "failed" if default.value is None else f"{default.value:.4f}"
    remark = (
        f"Best of {len(study.settled)} trials: {subject.metric} {best.value:.4f} on validation, "
        f"{subject.key} {against} (profile {subject.plan.params.profile}, seed {subject.seed}; make sweep)."
    )
    added = add(paths.PARAMS, subject.key, best.values, remark)
    if added:
        print("added to params.yaml:\n" + "\n".join(f"+{line}" for line in added))
    else:
        print(f"params.yaml has {subject.key}_tuned already, with these values")
    print(f"next: make repro   (or only this row: make repro EXPERIMENT={subject.key}_tuned)")
    return 0


def _subject(options: argparse.Namespace) -> tuple[Subject, int]:
    plan = Plan(params.load())
    key = choose(plan.params, options.experiment)
    jobs = options.jobs or runner.default_jobs(plan.profile.threads, plan.profile.devices)
    return Subject(plan, key, jobs), jobs


def _positive(kind: type[int] | type[float]) -> Callable[[str], int | float | None]:
    """Of an option that the Makefile passes empty where it is not set."""

    def read(text: str) -> int | float | None:
        try:
            value = kind(text) if text else None
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} is no number") from error
        if value is not None and not value > 0:
            raise argparse.ArgumentTypeError(f"{text} must be above 0")
        return value

    return read


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pipeline.search.commands", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for function in (sweep, promote):
        command = commands.add_parser(function.__name__, help=function.__doc__)
        command.add_argument("--experiment", default=None, type=lambda text: text or None)
        command.add_argument("--jobs", default=None, type=_positive(int))
        command.set_defaults(call=function)
        if function is sweep:
            command.add_argument("--trials", default=None, type=_positive(int), help="in all, earlier sweeps included")
            command.add_argument("--timeout", default=None, type=_positive(float), help="seconds; none is begun after")
    options = parser.parse_args(words)
    return command_line.run(lambda: options.call(options), JournalError)


if __name__ == "__main__":
    sys.exit(main())
