"""`make studies`: the cells of variations side by side, then one `dvc repro` that draws what is done."""

import sys
from collections.abc import Iterable
from pathlib import Path

from pipeline import paths
from pipeline.build import dvc, steps
from pipeline.build.repro import alone, finish, tell
from pipeline.build.selection import Selection, check_part, studies_asked
from pipeline.cells import outputs
from pipeline.cells.cell import Cell
from pipeline.config import loading
from pipeline.config.messages import unknown
from pipeline.config.sections import Params
from pipeline.report import study as studies
from pipeline.run.durations import format_duration
from pipeline.run.estimate import Estimates, over_time_limit
from pipeline.run.fill import Run, RunError, executor, needed
from pipeline.run.plan import Plan

STAGES = "studies/dvc.yaml"


def repro(study: str | None, task: str | None, jobs: int | None) -> int:
    """Exit code. study, task: this one, or those of a part's rows, without DVC, which finds them when it is asked."""
    params = loading.load()
    if study and study not in params.studies:
        raise loading.ParamsError(unknown("study", study, params.studies))
    check_part(params, task)
    with alone():
        steps.adopt(params)
        tracked = not study and not task and dvc.usable()
        skipped = over_limit(params)
        wanted = [name for name in studies_asked(params, study, task) if name not in skipped]
        unfinished = _fill(params, wanted, jobs)
        if tracked and not unfinished:
            code, ran = dvc.repro(STAGES, planned=steps.write_plan(Selection(Plan(params))))
            if ran != ["plan"]:  # DVC has copied what these stages made
                steps.adopt(params)
        else:
            code = 0
            for name in set(wanted) - set(unfinished):
                studies.collect(params, name)
            studies.build(params)
    for name, seconds in skipped.items():
        print(f"not run here: {name}, whose row takes about {format_duration(seconds)} a seed")
    if unfinished:
        print(f"not finished, and not drawn anew: {', '.join(unfinished)}", file=sys.stderr)
    print(f"report: {paths.study_reports(params.profile).relative_to(paths.ROOT)}/studies.html")
    return code or (1 if unfinished else 0)


def over_limit(params: Params) -> dict[str, float]:
    """Studies of rows that are over the profile's time limit, with a row's seconds; of a row of no table, none is."""
    plan, estimates = Plan(params), Estimates(params)
    rows = {study.of for study in params.studies.values() if study.of in params.experiments}
    seconds = {row: over_time_limit(plan, row, estimates) for row in rows}
    return {name: found for name, study in params.studies.items() if (found := seconds.get(study.of)) is not None}


def _fill(params: Params, names: Iterable[str], jobs: int | None) -> list[str]:
    """Names of the studies that could not all be finished; why is said."""
    asked = {name: studies.cells(params, name) for name in names}
    every = [cell for cells in asked.values() for cell in cells]
    tell(finish(Run(executor(jobs, Plan(params).profile), Estimates(params).seconds), every))
    return [name for name, cells in asked.items() if not all(cell.complete for cell in cells)]


def make(params: Params) -> None:
    """The stage: finish the cells of all studies, show them with all that they are made from, write their results."""
    skipped = over_limit(params)
    names = [name for name in studies_asked(params) if name not in skipped]
    if unfinished := _fill(params, names, None):
        raise RunError(f"not finished: {', '.join(unfinished)}")
    every = needed(cell for name in names for cell in studies.cells(params, name))
    root = paths.study_cells(params.profile)
    outputs.show({_place(cell, root): cell for cell in every}, root)
    paths.study(params.profile, "").mkdir(parents=True, exist_ok=True)  # where no study is made yet
    for name in names:
        studies.collect(params, name)
    steps.write_done(params, "studies", every)


def _place(cell: Cell, root: Path) -> Path:
    """Of a cell below `root`: as it would be shown below the project, if it were a row's."""
    return root / cell.output.relative_to(paths.ROOT)
