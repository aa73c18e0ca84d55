"""Studies: variations of a row of the table, trained and judged like rows, for figures of their own."""

import csv
from collections.abc import Callable, Iterator
from typing import Any

from pipeline import paths, signature
from pipeline.cells import Cell, findings, read_json
from pipeline.params import Params
from pipeline.plan import Plan

COLUMNS = ["profile", "study", "experiment", "data", "model", "varied", "seed", "metric", "value", "parameters"]
COLUMNS += ["training_flops", "train_seconds", "hardware", "status", "run_key"]
LOOKS = ["profile", "study", "experiment", "data", "model", "varied", "seed", "update", "layer", "depth", "gradient"]
LOOKS += ["activation", "ratio", "dead", "norm", "found", "status", "run_key"]
EPOCHS = ["profile", "study", "experiment", "data", "model", "varied", "seed", "metric", "epoch", "train_loss"]
EPOCHS += ["validation_loss", "validation", "kept", "test", "train_seconds", "ended", "status", "run_key"]
BACKWARD = 3  # a training step costs three times its forward pass (Kaplan et al. 2020, section 2.1)


def cells(params: Params, name: str) -> list[Cell]:
    """Every cell of a study: those of its points, as if they were rows."""
    plan = Plan(params.varied(name))
    return [cell for key in plan.params.experiments for cell in plan.experiment(key)]


def collect(params: Params, name: str) -> None:
    """Write `paths.study` from finished cells: of each seed what the study's kind draws. Empty for another profile's
    row."""
    path = paths.study(params.profile, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    columns, rows = KINDS[params.studies[name].kind]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows(params, name))


def _points(params: Params, name: str) -> Iterator[tuple[Plan, str, dict[str, Any]]]:
    """(plan, key, what its lines share) of each point."""
    study, plan = params.studies[name], Plan(params.varied(name))
    for (key, experiment), name_of_point in zip(plan.params.experiments.items(), study.names, strict=False):
        shared = {"profile": params.profile, "study": name, "experiment": study.of, "data": experiment.data}
        yield plan, key, shared | {"model": experiment.short, "varied": name_of_point}


def _looks(params: Params, name: str) -> Iterator[dict[str, Any]]:
    """What each look at the gradients of each seed found."""
    for plan, key, shared in _points(params, name):
        for seed in plan.profile.seeds:
            trained = plan.train(key, seed)
            ending = {"found": ", ".join(findings(trained.result)), "status": trained.result["reason"] or "ok"}
            if not (trained.folder / "health.csv").is_file():  # it could not even start
                yield shared | {"seed": seed, **ending, "run_key": trained.key}
                continue
            with (trained.folder / "health.csv").open(newline="") as file:
                for look in csv.DictReader(file):
                    yield shared | {"seed": seed, **look, **ending, "run_key": trained.key}


def _epochs(params: Params, name: str) -> Iterator[dict[str, Any]]:
    """Each epoch of each seed, and what its run ended with; of a seed that failed a line that says so."""
    for plan, key, shared in _points(params, name):
        shared["metric"] = metric = _metric(params, shared)
        for seed in plan.profile.seeds:
            judged, trained = plan.evaluate(key, seed), plan.train(key, seed)
            shared |= {"seed": seed, "run_key": trained.key, "status": trained.result.get("reason") or "ok"}
            if trained.result["status"] != "ok":
                yield shared
                continue
            test = {(split, what): value for split, what, value in judged.result["values"]}.get(("test", metric), "")
            ending = {"kept": trained.result["epochs"]["kept"], "ended": trained.result["epochs"]["ended"] or ""}
            ending |= {"test": test, "train_seconds": read_json(trained.folder / "costs.json")["train_seconds"]}
            with (trained.folder / "history.csv").open(newline="") as file:
                for row in csv.DictReader(file):
                    curve = {"epoch": int(row["epoch"]) + 1, "validation": row[f"validation_{metric}"]}
                    curve |= {loss: row[loss] for loss in ("train_loss", "validation_loss")}
                    yield shared | curve | ending


def _rows(params: Params, name: str) -> Iterator[dict[str, Any]]:
    """Of each seed the score on test and what it took."""
    for plan, key, shared in _points(params, name):
        shared["metric"] = metric = _metric(params, shared)
        for seed in plan.profile.seeds:
            judged, trained = plan.evaluate(key, seed), plan.train(key, seed)
            found = {(split, metric): value for split, metric, value in judged.result["values"]}
            costs = read_json(trained.folder / "costs.json")
            yield shared | {
                "seed": seed,
                "value": found.get(("test", metric), ""),
                "parameters": found.get(("", "parameters"), ""),
                "training_flops": _training_flops(trained, found.get(("", "flops"))),
                "train_seconds": costs.get("train_seconds", ""),
                "hardware": costs["hardware"],
                "status": judged.result.get("reason") or "ok",
                "run_key": trained.key,
            }


def _metric(params: Params, shared: dict[str, Any]) -> str:
    return str(signature.constant(f"tasks/{params.data[shared['data']].task}", "METRIC"))


def _training_flops(cell: Cell, forward: float | None) -> float | str:
    """Of a whole training, without what its weights cost before; of classical models nobody counts what they do.

    Below a head that is trained alone every item passes once, and the head's own work is next to nothing.
    """
    if forward is None or cell.entry != "pipeline.training.train":
        return ""
    there = sum(read_json(cell.inputs["data"].folder / "meta.json")["counts"]["train"])
    items = min(cell.spec["budget"]["samples"] or there, there)
    if cell.spec.get("start", {}).get("train") == "head":
        return forward * items
    return BACKWARD * forward * items * cell.result["epochs"]["run"]


Rows = Callable[[Params, str], Iterator[dict[str, Any]]]
# A study's kind -> the columns of its file, and what fills them.
KINDS: dict[str, tuple[list[str], Rows]] = {
    "scale": (COLUMNS, _rows),
    "ablation": (COLUMNS, _rows),
    "gradients": (LOOKS, _looks),
    "ending": (EPOCHS, _epochs),
}
