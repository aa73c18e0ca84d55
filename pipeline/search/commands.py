"""The commands `sweep` and `promote`."""

from pipeline import paths
from pipeline.config import loading
from pipeline.config.loading import ParamsError
from pipeline.run.plan import Plan
from pipeline.search.journal import held
from pipeline.search.promote import promote as add
from pipeline.search.subject import Subject, choose


def sweep(experiment: str | None, jobs: int | None, trials: int | None, timeout: float | None) -> int:
    """Search one experiment's space on the validation split; goes on where an earlier sweep stopped."""
    from pipeline.search.study import Study  # optuna: only where it is needed
    from pipeline.search.sweep import Sweep, summary

    subject, jobs = _subject(experiment, jobs)
    target = trials or subject.trials
    with held(subject.journal) as mended:
        study = Study(subject)
        before = len(study.settled)
        state = "new" if study.new else f"{before} trials done before"
        if mended:
            print(mended)
        if study.changed:
            print(f"{study.changed}; trials from before can't be compared, so a new study begins")
        print(f"{subject.key}: {target} trials in all, {jobs} side by side, study {subject.name} ({state})", flush=True)
        Sweep(subject, study, target, timeout).run(jobs)
        print("\n" + summary(subject, study))
        done = study.settled
        if len(done) < target:
            print(f"time is up after {len(done)} of {target} trials; the same command goes on")
    return 1 if study.default is None or (done and done[0].value is None) else 0


def promote(experiment: str | None) -> int:
    """Add the best trial to params.yaml as a recipe and a row beside the default."""
    from pipeline.search.study import Study

    subject, _ = _subject(experiment, None)
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
    added = add(paths.PARAMS, subject.key, subject.changed(best.values), remark)
    if added:
        print("added to params.yaml:\n" + "\n".join(f"+{line}" for line in added))
    else:
        print(f"params.yaml has {subject.key}_tuned already, with these values")
    print(f"next: make repro   (or only this row: make repro EXPERIMENT={subject.key}_tuned)")
    return 0


def _subject(experiment: str | None, jobs: int | None) -> tuple[Subject, int]:
    plan = Plan(loading.load())
    key = choose(plan.params, experiment)
    jobs = plan.jobs(jobs)
    return Subject(plan, key, jobs), jobs
