"""From finished cells to the result files that Git keeps."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.cells.cell import Cell, read_json, write_json
from pipeline.config.loading import ParamsError
from pipeline.config.sections import Params
from pipeline.results import files
from pipeline.results.files import CONFUSION, COSTS, FAILED, KEYS, SCORES, TEXTS, Record
from pipeline.results.metric import of_task

TIMES = ("seconds", "cpu_seconds")


def collect(params: Params, row: str, made: Mapping[int, Sequence[Cell]]) -> None:
    """Write the files of a row or a variant. made: by seed the model's cell, then the cells that judged it."""
    folder = paths.results(params.profile, row)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    metric = of_task(params.data[params.experiments[owner(params, row)].data].task).name
    scores = [line for seed, cells in made.items() for line in _scores(seed, cells[1:], metric)]
    costs = [line for seed, cells in made.items() for line in _costs(seed, *cells)]
    history = [line for seed, (model, *_) in made.items() for line in _history(seed, model.folder)]
    files.write(folder / "scores.csv", SCORES, scores)
    files.write(folder / "costs.csv", COSTS, costs)
    if history:
        files.write(folder / "history.csv", list(history[0]), history)
    _write_confusion(folder, made)
    _write_texts(folder, made)
    keys = {str(seed): cells[0].key for seed, cells in made.items()}
    asked = params.asked(row, params.profile)
    kept = {"profile": params.profile, "asked": asked, "keys": keys, "training_items": _training_items(made)}
    write_json(folder / KEYS, kept)


def prune(params: Params) -> list[str]:
    """Remove the results of rows that the active profile no longer has; returns their names.

    A row that this machine does not compute keeps the results that were committed. Trials of searches stay.
    """
    kept = {*params.experiments, *params.variants, paths.trials(params.profile, "").parent.name}
    every = paths.results(params.profile, "")
    gone = [path for path in every.iterdir() if path.is_dir() and path.name not in kept] if every.is_dir() else []
    for path in gone:
        shutil.rmtree(path)
    return sorted(path.name for path in gone)


def owner(params: Params, row: str) -> str:
    """The experiment that a variant is made from; an experiment's own name."""
    return params.variants[row].of if row in params.variants else row


def _scores(seed: int, judges: Sequence[Cell], metric: str) -> Iterator[dict[str, Any]]:
    """A seed that failed has one line, which says why."""
    failed = next((cell.result for cell in judges if cell.result["status"] == "failed"), None)
    if failed:
        status = f"{FAILED}{failed['reason']}"
        yield {"seed": seed, "split": "", "metric": metric, "value": "", "status": status}
        return
    given: dict[tuple[str, str], str] = {}
    for cell in judges:
        for split, name, value in cell.result.get("values", []):
            if (other := given.setdefault((split, name), cell.output.name)) != cell.output.name:
                both = f"{other} and {cell.output.name} both give {split} {name}"
                raise ParamsError(f"params.yaml: evaluators: {both}; remove one, or give its metric another name")
            yield {"seed": seed, "split": split, "metric": name, "value": _text(value), "status": "ok"}


def _costs(seed: int, model: Cell, *judges: Cell) -> Iterator[dict[str, Any]]:
    """What making the model took, and the latency that its judges measured."""
    every = [cell.costs for cell in _steps(model)]
    spent = [{**costs, "seconds": costs.get("train_seconds", costs["seconds"])} for costs in every]
    hardware = spent[0]["hardware"]
    for name in TIMES:
        value = _text(round(sum(costs[name] for costs in spent), 4))
        yield {"seed": seed, "metric": f"{model.kind}_{name}", "value": value, "hardware": hardware}
    if "features_seconds" in spent[0]:  # a part of the seconds of training
        value = _text(spent[0]["features_seconds"])
        yield {"seed": seed, "metric": "features_seconds", "value": value, "hardware": hardware}
    for cell in judges:
        measured = cell.costs
        for name in (n for n in measured if n.endswith("latency_ms")):
            yield {"seed": seed, "metric": name, "value": _text(measured[name]), "hardware": measured["hardware"]}


def _steps(model: Cell) -> Iterator[Cell]:
    """A model's cell and, of a compressed one, those of the steps before."""
    yield model
    parent = model.inputs.get("model")
    if parent and parent.kind == model.kind:
        yield from _steps(parent)


def _training_items(made: Mapping[int, Sequence[Cell]]) -> int:
    """How many the data set has, whatever a budget draws of them."""
    judge = next(cells[-1] for cells in made.values())
    return int(sum(read_json(judge.inputs["data"].folder / "meta.json")["counts"]["train"]))


def _history(seed: int, folder: Path) -> Iterator[Record]:
    for line in files.lines(folder / "history.csv"):
        line.pop("seconds", None)  # a cost
        yield {"seed": str(seed), **line}


def _write_confusion(folder: Path, made: Mapping[int, Sequence[Cell]]) -> None:
    found = {
        seed: counts for seed, (_, *judges) in made.items() for c in judges if (counts := c.result.get("confusion"))
    }
    if found:
        classes = next(made[seed][0].result["classes"] for seed in found)
        (folder / CONFUSION).write_text(json.dumps({"classes": classes, "test": found}) + "\n")


def _write_texts(folder: Path, made: Mapping[int, Sequence[Cell]]) -> None:
    """Of the first seed that has some."""
    for seed, (_, *judges) in made.items():
        for cell in judges:
            if texts := cell.result.get("texts"):
                write_json(folder / TEXTS, {"seed": seed, "signature": cell.result["signature"], "test": texts})
                return


def _text(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.9g}"
