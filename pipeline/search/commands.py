"""The commands `sweep` and `promote`."""

from typing import TYPE_CHECKING

from pipeline import paths
from pipeline.config import loading
from pipeline.config.loading import ParamsError
from pipeline.run.plan import Plan
from pipeline.search.asked import chosen
from pipeline.search.journal import JournalError, held
from pipeline.search.possible import require_possible
from pipeline.search.promote import promote as add
from pipeline.search.subject import Subject

if TYPE_CHECKING:
    from pipeline.search.study import Study
    from pipeline.search.summary import Searched


def sweep(
    experiments: str | None, task: str | None, jobs: int | None, trials: int | None, timeout: float | None
) -> int:
    """Search each experiment's space on the validation split, one after the other; goes on where one stopped."""
    from pipeline.search.summary import Searched, overview  # optuna: only where it is needed

    plan = Plan(loading.load())
    keys = chosen(plan.params, experiments, task)
    for key in keys:  # before anything is made for the first of them
        require_possible(plan.params, key, plan.params.search[key].axes)
        _require_enough(plan, key, trials)
    ended: list[Searched] = []
    for number, key in enumerate(keys, 1):
        print(f"\n[{number}/{len(keys)}] {key}" if len(keys) > 1 else "", flush=True)
        ended.append(_sweep(Subject(plan, key, jobs), trials, timeout))
    if len(ended) > 1:
        print("\n" + overview(ended))
    return 0 if all(found.sound for found in ended) else 1


def _sweep(subject: Subject, trials: int | None, timeout: float | None) -> "Searched":
    from pipeline.search import record
    from pipeline.search.study import Study
    from pipeline.search.summary import Searched, summary
    from pipeline.search.sweep import Sweep

    target, run = trials or subject.space.trials, subject.run()
    target -= subject.space.judging(target)
    budget = f"{_budget(subject, target)}, {run.executor.slots} side by side"
    with held(subject.journal) as mended:
        study = Study(subject)
        state = "new" if study.new else f"{len(study.settled)} trials done before"
        if mended:
            print(mended)
        if study.changed:
            print(f"{study.changed}; trials from before can't be compared, so a new study begins")
        print(f"{subject.key}: {budget}, study {subject.name} ({state})", flush=True)
        sweep = Sweep(subject, study, target, timeout)
        sweep.run(run)
        record.write(paths.trials(subject.plan.params.profile, subject.key), subject, study)
        print("\n" + summary(subject, study))
        if sweep.late and study.done < sweep.whole:
            print(f"time is up after {study.done} of {sweep.whole} epochs; the same command goes on")
        elif study.done < sweep.whole:
            print(f"ended after {study.done} of {sweep.whole} epochs: nothing is left to try that fits into the rest")
    return Searched(subject, study, target)


def _require_enough(plan: Plan, key: str, trials: int | None) -> None:
    try:
        plan.params.search[key].judging(trials or plan.params.search[key].trials)
    except ValueError as error:
        raise ParamsError(f"search.{key}: {error}") from error


def _budget(subject: Subject, target: int) -> str:
    *pauses, last = subject.rungs
    if not pauses:
        return f"{target} trials in all"
    return f"{target} trainings of {last} epochs in all, trials pause after {', '.join(map(str, pauses))}"


def promote(experiments: str | None, task: str | None) -> int:
    """Add each experiment's best trial to params.yaml as a recipe and a row beside the default.

    Where no experiment is named, those that were swept and have a trial above the default.
    """
    plan = Plan(loading.load())
    asked = chosen(plan.params, experiments, task)
    swept = asked if experiments else [key for key in asked if paths.journal(plan.params.profile, key).is_file()]
    if not swept:
        raise JournalError(f"no sweep yet of any of {', '.join(asked)}; run `make sweep` first")
    refused: list[str] = []
    rows: list[str] = []
    for key in swept:
        try:
            _promote(Subject(plan, key))
            rows.append(f"{key}_tuned")
        except (ParamsError, JournalError) as error:
            refused.append(str(error))
    if not rows:
        raise ParamsError("; ".join(refused))
    for why in refused:
        print(f"not promoted: {why}")
    only = f"   (or only this row: make repro EXPERIMENT={rows[0]})" if len(rows) == 1 else ""
    print(f"next: make repro{only}")
    return 0


def _promote(subject: Subject) -> None:
    from pipeline.search.study import Study

    study = Study(subject, create=False)
    if not study.better:
        raise ParamsError(
            f"{subject.key}: none of {len(study.settled)} trials is above the default on validation; "
            "params.yaml stays as it is. A larger TRIALS= or another space may find one"
        )
    best, default = study.better
    against = "failed" if default.value is None else f"{default.value:.4f}"
    remark = (
        f"Best of {len(study.settled)} trials: {subject.metric} {best.value:.4f} on validation, "
        f"{subject.key} {against} (profile {subject.plan.params.profile}, {_seeds(subject, study)}; make sweep)."
    )
    added = add(paths.PARAMS, subject.key, subject.changed(best.values), remark)
    if added:
        print("added to params.yaml:\n" + "\n".join(f"+{line}" for line in added))
    else:
        print(f"params.yaml has {subject.key}_tuned already, with these values")


def _seeds(subject: Subject, study: "Study") -> str:
    return f"mean of {subject.space.seeds} seeds" if study.judged else f"seed {subject.seed}"
