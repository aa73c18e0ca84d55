"""From raw data to the report: missing cells side by side, then one `dvc repro` that finds them all done."""

import fcntl
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pipeline import paths
from pipeline.build import dvc, steps
from pipeline.build.selection import Selection
from pipeline.cells import outputs
from pipeline.cells.cell import Cell
from pipeline.config import loading
from pipeline.config.sections import Params
from pipeline.run.devices import default_jobs
from pipeline.run.durations import format_duration
from pipeline.run.fill import Run, RunError, executor
from pipeline.run.plan import Plan


def repro(experiment: str | None, data: str | None, jobs: int | None, quiet: bool = False) -> int:
    """Exit code. A part, and what is left where a cell could not be made, is tabulated and published without DVC."""
    params = loading.load()
    with alone():
        outputs.adopt(steps.roots(params.profile).values())
        selection = Selection(Plan(params), experiment, data)
        unfinished = fill(selection, jobs)
        if selection.part or unfinished:
            rows = [key for key in (*selection.experiments, *selection.variants) if key not in unfinished]
            steps.without_dvc(selection, rows)
            code = 0
        else:
            code = dvc.repro(planned=steps.write_plan(params))
            outputs.adopt(steps.roots(params.profile).values())
    if code == 0 and not quiet:
        _closing(selection)
    return code or (1 if unfinished else 0)


def only_fill(experiment: str | None, data: str | None, jobs: int | None) -> int:
    """Cells alone, without DVC, MLflow or Optuna: what a GPU machine runs for `make import-cells` elsewhere."""
    selection = Selection(Plan(loading.load()), experiment, data)
    unfinished = fill(selection, jobs)
    print(
        f"cells of {len(selection.experiments) + len(selection.variants) - len(unfinished)} rows in {paths.CELLS.name}/"
    )
    return 1 if unfinished else 0


def fill(selection: Selection, jobs: int | None) -> list[str]:
    """Finish the cells of the rows side by side; the names of rows that could not all be finished."""
    jobs = jobs_of(selection.plan.params, jobs)
    if not all(cell.complete for cell in selection.prepared()):
        finish(jobs, selection, selection.prepared())
        selection.skip()
    if not all(cell.complete for cell in selection.cells()):
        finish(jobs, selection, selection.cells())
    rows = [*selection.experiments, *selection.variants]
    return [key for key in rows if not all(cell.complete for cell in selection.row(key))]


def finish(jobs: int, selection: Selection, cells: Iterable[Cell]) -> None:
    """Fill cells; why some could not be finished is said, and the caller sees which they are."""
    try:
        Run(executor(jobs), selection.estimates.seconds).fill(cells)
    except RunError as error:
        print(f"\n{error}", file=sys.stderr)


def _closing(selection: Selection) -> None:
    folder = paths.reports(selection.plan.params.profile)
    print("\n" + (folder / "comparison.txt").read_text())
    for line in not_run(selection):
        print(line)
    print(f"report: {folder.relative_to(paths.ROOT)}/comparison.html   registry: make ui")


def not_run(selection: Selection) -> Iterator[str]:
    """A line for each row that is over the profile's time limit."""
    limit = selection.plan.profile.cell_minutes
    for key, seconds in selection.skipped.items():
        yield (
            f"not run here: {key}, about {format_duration(seconds)} a seed, above cell_minutes {limit:g}; "
            f"`make repro EXPERIMENT={key}` runs it all the same"
        )


@contextmanager
def alone() -> Iterator[None]:
    """One build at a time; a second says which is running, and waits."""
    paths.CELLS.mkdir(exist_ok=True)
    with (paths.CELLS / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            print(f"waiting: another build is running ({file.read().strip()}); Ctrl-C to give up", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"pid {os.getpid()} since {time.strftime('%H:%M:%S')}")
        file.flush()
        yield


def jobs_of(params: Params, jobs: int | None) -> int:
    """jobs, or as many as the machine takes."""
    return default_jobs(params.active.threads, params.active.devices) if jobs is None else jobs
