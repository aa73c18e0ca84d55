"""What every stage does around its one call: fill its cells, link them, end with a message and no traceback."""

import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from pipeline import cells, lifeline
from pipeline.cells import Cell
from pipeline.command_line import EXPECTED
from pipeline.estimate import Estimates, spoken, too_dear
from pipeline.params import ParamsError, no_row
from pipeline.plan import Plan
from pipeline.runner import Run, RunError


def fill(wanted: Iterable[Cell]) -> None:
    """Make what is missing, one cell at a time: plain `dvc repro` runs here, and `make repro` finds all of it done."""
    Run(jobs=1).fill(wanted)


def refuse_too_dear(plan: Plan, experiment: str) -> None:
    """RunError where `make repro` would skip the row: to train for hours is for someone to ask by name."""
    seconds = too_dear(plan, experiment, Estimates(plan.params))
    if seconds is not None:
        raise RunError(
            f"{experiment} would take about {spoken(seconds)} a seed here, above cell_minutes "
            f"{plan.profile.cell_minutes:g}; `make repro EXPERIMENT={experiment}` runs it all the same, "
            "`make repro` runs the rest"
        )


def link(made: list[Cell]) -> None:
    """Show cells at their output folders, and nothing else: a seed that is no longer asked for goes."""
    for parent in {c.output.parent for c in made if c.kind in ("train", "compress")}:
        shutil.rmtree(parent, ignore_errors=True)
    for cell in made:
        cells.link(cell, cell.output)


def left_out(plan: Plan, key: str, *folders: Path) -> bool:
    """Whether a row is none of the active profile; then its outputs say so, since DVC asks for every row's.

    ParamsError where no profile has such a row.
    """
    if key in plan.params.experiments or key in plan.params.variants:
        return False
    if key not in plan.params.elsewhere:
        raise ParamsError(no_row(plan.params, key))
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "left_out.txt").write_text(f"{key} is no row of profile {plan.params.profile}: see `only`\n")
    return True


def run(main: Callable[..., object]) -> None:
    """Call `main` with the command line's words; expected errors become a message and exit code 1."""
    lifeline.die_with_ancestor("dvc")
    try:
        main(*sys.argv[1:])
    except EXPECTED as error:
        sys.exit(f"{type(error).__name__}: {error}")
