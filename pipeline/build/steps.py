"""The steps of the build: what `stages/` and `make repro` both do, with DVC and without."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.build.selection import Selection, studies_asked
from pipeline.cells import fingerprint, outputs
from pipeline.cells.cell import Cell, write_json
from pipeline.config.sections import Params
from pipeline.report import study
from pipeline.results.collect import collect, prune
from pipeline.run.fill import Run, executor
from pipeline.run.plan import Plan

# What shows results -> the module that does.
READERS = {
    "report": "pipeline.report.build",
    "publish": "pipeline.tracking.publish",
    "study_report": "pipeline.report.study",
}


def roots(profile: str) -> dict[str, Path]:
    """Where the cells of each step are shown."""
    return {
        "fetch": paths.raw(""),
        "prepare": paths.prepared(""),
        "train": paths.artifacts(profile, "train"),
        "compress": paths.artifacts(profile, "compress"),
        "evaluate": paths.evaluations(profile),
        "studies": paths.study_cells(profile),
    }


def adopt(params: Params) -> None:
    """Take cells out of outputs that the store lacks; before a stage runs, whose outputs DVC deletes."""
    outputs.adopt(roots(params.profile).values())


def write_plan(selection: Selection) -> str:
    """Write what each step wants to `paths.plan`; returns the digest of the parameters.

    Each file says the same before and after the step has run, so that the step runs again only if it would do another
    thing: cells are named by their requests, which are known before their inputs are there.
    """
    params = selection.plan.params
    wanted: dict[str, Any] = {
        step: {_place(cell): cell.request for cell in cells} for step, cells in selection.steps().items()
    }
    # A recipe that gets another name changes no cell, but the results tell of it.
    wanted["evaluate"] |= {key: fingerprint.of_json(params.asked(key, params.profile)) for key in selection.rows}
    wanted["studies"] = {name: [cell.request for cell in study.cells(params, name)] for name in studies_asked(params)}
    shown = {"parameters": fingerprint.of_path(paths.PARAMS), "references": fingerprint.of_path(paths.REFERENCES)}
    for name, entry in READERS.items():
        wanted[name] = {**shown, "sources": fingerprint.of_json(fingerprint.sources([entry]))}
    limit = selection.plan.profile.cell_minutes
    skipped = {key: f"takes longer than cell_minutes {limit:g}" for key in selection.skipped}
    folder = paths.plan(params.profile)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in wanted.items():
        write_json(folder / f"{name}.json", {"wanted": content, "skipped": skipped})
    fingerprint.save()
    return fingerprint.of_path(paths.PARAMS)


def make(step: str, params: Params) -> None:
    """A stage: finish the step's cells side by side, show them, say what they are. RunError where one failed."""
    selection = Selection(Plan(params))
    Run(executor(None, selection.plan.profile), selection.estimates.seconds).fill(selection.steps()[step])
    show(step, selection)


def show(step: str, selection: Selection) -> None:
    """Link the step's finished cells to where DVC tracks them; of evaluations write the results too."""
    params = selection.plan.params
    cells = [cell for cell in selection.steps()[step] if cell.complete]
    outputs.show({cell.output: cell for cell in cells}, roots(params.profile)[step])
    if step == "evaluate":
        collect_rows(selection, selection.rows)
        prune(params)
    write_done(params, step, cells)


def write_done(params: Params, step: str, cells: Iterable[Cell]) -> None:
    """Say what a step has finished, by content: later steps run again where that changed."""
    path = paths.done(params.profile, step)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {_place(cell): cell.marker["digest"] for cell in cells})


def collect_rows(selection: Selection, rows: Iterable[str]) -> None:
    """Write the results of rows, all of whose cells are finished."""
    for key in rows:
        collect(selection.plan.params, key, judged(selection, key))


def _place(cell: Cell) -> str:
    """Where a cell is shown: no two cells of a profile have the same."""
    return str(cell.output.relative_to(paths.ROOT))


def judged(selection: Selection, key: str) -> dict[int, list[Cell]]:
    """By seed the cell of a row's model, then the cells that judged it."""
    plan = selection.plan
    model = plan.train if key in plan.params.experiments else plan.compress
    return {seed: [model(key, seed), *plan.judged(key, seed)] for seed in plan.params.seeds_of(key)}


def show_rows(selection: Selection, rows: Iterable[str]) -> None:
    """Link the finished cells of a part, and write the results of its `rows`, all of whose cells are finished."""
    for cells in selection.steps().values():
        for cell in cells:
            if cell.complete:
                outputs.link(cell, cell.output)
    collect_rows(selection, rows)


def without_dvc(selection: Selection, rows: Iterable[str]) -> None:
    """Show, tabulate and publish the rows; DVC finds them by itself the next time that it is asked."""
    from pipeline.report.build import build  # seconds of imports, and only here is it known that they are needed
    from pipeline.tracking.publish import publish, summary

    show_rows(selection, rows)
    build(selection.plan.params)
    print(summary(publish(selection.plan.params)))
