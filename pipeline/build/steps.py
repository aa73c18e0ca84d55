"""The steps of the build: what `stages/` and `make repro` both do, with DVC and without."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.build.selection import Selection
from pipeline.cells import fingerprint, outputs
from pipeline.cells.cell import Cell, write_json
from pipeline.config.sections import Params
from pipeline.report import study
from pipeline.results.collect import collect, prune
from pipeline.run.devices import default_jobs
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


def write_plan(params: Params) -> str:
    """The first stage: adopt what outputs have, then write what each step wants to `paths.plan`.

    Returns what `planned` compares.

    Each file says the same before and after the step has run, so that the step runs again only if it would do another
    thing: cells are named by their requests, which are known before their inputs are there.
    """
    outputs.adopt(roots(params.profile).values())
    selection = Selection(Plan(params))
    wanted: dict[str, Any] = {
        step: {_place(cell): cell.request for cell in cells} for step, cells in selection.steps().items()
    }
    wanted["studies"] = {name: [cell.request for cell in study.cells(params, name)] for name in params.studies}
    wanted["evaluate"] |= {key: fingerprint.of_json(params.asked(key, params.profile)) for key in rows(params)}
    shown = {"parameters": fingerprint.of_path(paths.PARAMS), "references": fingerprint.of_path(paths.REFERENCES)}
    for name, entry in READERS.items():
        wanted[name] = {**shown, "sources": fingerprint.of_json(fingerprint.sources([entry]))}
    skipped = {
        key: f"takes longer than cell_minutes {selection.plan.profile.cell_minutes:g}" for key in selection.skipped
    }
    folder = paths.plan(params.profile)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in wanted.items():
        write_json(folder / f"{name}.json", {"wanted": content, "skipped": skipped})
    fingerprint.save()
    return fingerprint.of_path(paths.PARAMS)


def planned() -> bool:
    """Whether the command that started this DVC has written the plan for these parameters a moment ago."""
    return os.environ.get("LAB_PLANNED") == fingerprint.of_path(paths.PARAMS)


def rows(params: Params) -> list[str]:
    """Experiments and variants of the active profile."""
    return [*params.experiments, *params.variants]


def make(step: str, params: Params) -> None:
    """A stage: finish the step's cells side by side, show them, say what they are. RunError where one failed."""
    selection = Selection(Plan(params))
    jobs = default_jobs(params.active.threads, params.active.devices)
    Run(executor(jobs), selection.estimates.seconds).fill(selection.steps()[step])
    show(step, selection)


def show(step: str, selection: Selection) -> None:
    """Link the step's finished cells to where DVC tracks them; of evaluations write the results too."""
    params = selection.plan.params
    cells = [cell for cell in selection.steps()[step] if cell.complete]
    outputs.show({cell.output: cell for cell in cells}, roots(params.profile)[step])
    if step == "evaluate":
        for key in [*selection.experiments, *selection.variants]:
            collect(params, key, judged(selection, key))
        prune(params)
    done = paths.done(params.profile, step)
    done.parent.mkdir(parents=True, exist_ok=True)
    write_json(done, {_place(cell): cell.marker["digest"] for cell in cells})


def _place(cell: Cell) -> str:
    """Where a cell is shown: no two cells of a profile have the same."""
    return str(cell.output.relative_to(paths.ROOT))


def judged(selection: Selection, key: str) -> dict[int, list[Cell]]:
    """By seed the cell of a row's model, then the cells that judged it."""
    plan, seeds = selection.plan, selection.plan.profile.seeds
    model = plan.train if key in plan.params.experiments else plan.compress
    return {seed: [model(key, seed), *plan.judged(key, seed)] for seed in seeds}


def show_rows(selection: Selection, rows: Iterable[str]) -> None:
    """Link the finished cells of a part, and write the results of its `rows`, all of whose cells are finished."""
    params = selection.plan.params
    for cells in selection.steps().values():
        for cell in cells:
            if cell.complete:
                outputs.link(cell, cell.output)
    for key in rows:
        collect(params, key, judged(selection, key))


def without_dvc(selection: Selection, rows: Iterable[str]) -> None:
    """Show, tabulate and publish the rows; DVC finds them by itself the next time that it is asked."""
    from pipeline.report.build import build  # seconds of imports, and only here is it known that they are needed
    from pipeline.tracking.publish import publish, summary

    show_rows(selection, rows)
    build(selection.plan.params)
    print(summary(publish(selection.plan.params)))
