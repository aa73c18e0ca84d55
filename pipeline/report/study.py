"""Studies: variations of rows, trained and judged like rows, and their report. A kind is a file of `report/studies`.

studies/results/<profile>/<study>/scores.csv    a line a point and seed, or more of them
                                  costs.csv     point, seed, train_seconds, hardware
                                  keys.json     by point and seed the key of the model's cell
"""

import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from pipeline import introspection, paths
from pipeline.cells.cell import Cell, write_json
from pipeline.config.sections import Params
from pipeline.report.render.document import Block, Heading, markdown, page
from pipeline.report.studies._made import Made
from pipeline.results import files
from pipeline.results.files import KEYS, Record
from pipeline.results.metric import of_task
from pipeline.run.plan import Plan

POINT = ("experiment", "data", "model", "varied", "seed")  # columns of each kind
COSTS = ("varied", "seed", "train_seconds", "hardware")


def kind(name: str) -> ModuleType:
    return importlib.import_module(f"pipeline.report.studies.{name}")


def cells(params: Params, name: str) -> list[Cell]:
    """Every cell of a study: those of its points, as if they were rows."""
    plan = Plan(params.varied(name))
    return [cell for key in plan.params.experiments for cell in plan.experiment(key)]


def collect(params: Params, name: str) -> None:
    """Write a study's files from finished cells; without a line for another profile's row."""
    module = kind(params.studies[name].kind)
    scores: list[dict[str, Any]] = []
    costs: list[dict[str, Any]] = []
    keys: dict[str, dict[str, str]] = {}
    for point, made in _made(params, name):
        scores += [point | line for line in module.collect(made)]
        spent, seed = made.trained.costs, str(point["seed"])
        seconds = {"train_seconds": spent.get("train_seconds", ""), "hardware": spent["hardware"]}
        costs.append({"varied": point["varied"], "seed": seed, **seconds})
        keys.setdefault(point["varied"], {})[seed] = made.trained.key
    folder = paths.study(params.profile, name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    files.write(folder / "scores.csv", (*POINT, *module.COLUMNS, "status"), scores)
    files.write(folder / "costs.csv", COSTS, costs)
    write_json(folder / KEYS, {"profile": params.profile, "keys": keys})


def _made(params: Params, name: str) -> Iterator[tuple[dict[str, Any], Made]]:
    """What the lines of each point and seed share, and its cells."""
    study, plan = params.studies[name], Plan(params.varied(name))
    for (key, experiment), varied in zip(plan.params.experiments.items(), study.names, strict=False):
        shared = {"experiment": study.of, "data": experiment.data, "model": experiment.short, "varied": varied}
        metric = of_task(params.data[experiment.data].task).name
        for seed in plan.params.seeds_of(key):
            yield shared | {"seed": seed}, Made(plan.train(key, seed), list(plan.judged(key, seed)), metric)


def read(folder: Path) -> list[Record]:
    """A study's lines with their costs; none where it was not run."""
    costs = {(line["varied"], line["seed"]): line for line in files.lines(folder / "costs.csv")}
    return [
        {"study": folder.name, **costs.get((line["varied"], line["seed"]), {}), **line}
        for line in files.lines(folder / "scores.csv")
    ]


def build(params: Params, root: Path = paths.ROOT, pdf: bool = False) -> None:
    """Write `studies.md`, `studies.html` and the figures of each data set for the active profile.

    pdf: write the figures as PDF beside the PNG, and nothing else.
    """
    from pipeline.report.render import pictures

    out = root / paths.study_reports(params.profile).relative_to(paths.ROOT)
    out.mkdir(parents=True, exist_ok=True)
    title = f"Studies, profile {params.profile}"
    blocks = [Heading(title, 1), *_sections(params, root)]
    pictures.draw(blocks, out, pdf)
    if not pdf:
        (out / "studies.md").write_text(markdown(blocks))
        (out / "studies.html").write_text(page(title, blocks))


def _sections(params: Params, root: Path) -> Iterator[Block]:
    found = {}
    for name, study in params.studies.items():
        if lines := read(root / paths.study(params.profile, name).relative_to(paths.ROOT)):
            found[name] = (lines[0]["data"], study.kind, kind(study.kind).read(lines))
    for data in dict.fromkeys(data for data, _, _ in found.values()):
        yield Heading(data)
        for one in introspection.names("report/studies"):
            here = {name: points for name, (of, what, points) in found.items() if (of, what) == (data, one)}
            if here:
                yield from kind(one).section(data, here)
