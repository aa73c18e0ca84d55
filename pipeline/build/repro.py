"""From raw data to the report: missing cells side by side, then one `dvc repro` that finds them all done."""

import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from pipeline import paths
from pipeline.build import dvc, steps
from pipeline.build.selection import Selection
from pipeline.cells.cell import Cell
from pipeline.config import loading
from pipeline.run.durations import format_duration
from pipeline.run.fill import Run, RunError, executor
from pipeline.run.plan import Plan


def repro(experiment: str | None, data: str | None, task: str | None, jobs: int | None, quiet: bool = False) -> int:
    """Exit code. Without DVC are tabulated and published: a part, what is left where a cell could not be made, and all
    where there is no Git.
    """
    params = loading.load()
    with alone():
        steps.adopt(params)
        selection = Selection(Plan(params), experiment, data, task)
        tracked = not selection.part and dvc.usable()
        unfinished, problems = fill(selection, jobs, None if selection.part else Tables(selection))
        if tracked and not unfinished:
            code, ran = dvc.repro(planned=steps.write_plan(selection))
            if ran != ["plan"]:  # DVC has copied what these stages made
                steps.adopt(params)
        else:
            code = 0
            if finished := [key for key in selection.rows if key not in unfinished]:
                steps.without_dvc(selection, finished)
    if code == 0 and not quiet:
        _closing(selection)
    tell(problems)  # last, where it is seen
    return code or (1 if unfinished else 0)


def only_fill(experiment: str | None, data: str | None, task: str | None, jobs: int | None) -> int:
    """Cells alone, without DVC, MLflow or Optuna: what a GPU machine runs for `make import-cells` elsewhere."""
    selection = Selection(Plan(loading.load()), experiment, data, task)
    unfinished, problems = fill(selection, jobs)
    print(f"{len(selection.rows) - len(unfinished)} of {len(selection.rows)} rows are finished in {paths.CELLS.name}/")
    tell(problems)
    return 1 if unfinished else 0


def fill(
    selection: Selection, jobs: int | None, ended: Callable[[Cell], None] | None = None
) -> tuple[list[str], list[str]]:
    """Finish the cells of the rows side by side; names of the rows that could not all be finished, and why."""
    profile, seconds = selection.plan.profile, selection.estimates.seconds
    problems = finish(Run(executor(jobs, profile), seconds), selection.prepared())
    selection.skip()  # the data tell what a row takes
    early = selection.early()
    run = Run(executor(jobs, profile), seconds, first=lambda cell: cell.request in early)
    if ended:
        run.ended = ended
    problems += finish(run, selection.cells(prepared=True))
    unfinished = [key for key in selection.rows if not all(cell.complete for cell in selection.row(key))]
    return unfinished, [*problems, f"not finished: {', '.join(unfinished)}"] if unfinished else problems


def finish(run: Run, cells: Iterable[Cell]) -> list[str]:
    """Fill cells; why some could not be finished."""
    try:
        run.fill(cells)
    except RunError as error:
        return [str(error)]
    return []


def tell(problems: Iterable[str]) -> None:
    for problem in problems:
        print(f"\n{problem}", file=sys.stderr)


class Tables:
    """Told of each cell that was finished, prints a data set's table when the last one of its rows is there."""

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self.missing = {
            data: {cell.request for key in rows for cell in selection.row(key) if not cell.complete}
            for data, rows in selection.by_data().items()
        }

    def __call__(self, cell: Cell) -> None:
        for data, requests in self.missing.items():
            if cell.request in requests:
                requests.remove(cell.request)
                if not requests:
                    self._print(data)

    def _print(self, data: str) -> None:
        from pipeline.report.build import table  # takes a second, which a command with nothing to do need not wait

        steps.collect_rows(self.selection, self.selection.by_data()[data])
        print(f"\n{table(self.selection.plan.params, data)}\n", flush=True)


def _closing(selection: Selection) -> None:
    params = selection.plan.params
    folder = paths.reports(params.profile)
    if selection.part:
        from pipeline.report.build import table

        print("".join(f"\n{table(params, data)}\n" for data in selection.data))
    else:
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
