"""From evaluate cells to the small text files of an experiment or a variant that Git keeps."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

from pipeline import signature
from pipeline.cells import Cell, read_json, write_json
from pipeline.params import Params

KEYS = [
    "profile",
    "experiment",
    "task",
    "dataset",
    "model",
    "recipe",
    "variant",
    "seed",
    "split",
    "metric",
    "value",
    "status",
    "run_key",
]


def collect(params: Params, key: str, cells: dict[int, Cell]) -> None:
    """Write the files of `key` from its evaluate cells, by seed; `asked.json` says what they are results of."""
    folder = next(iter(cells.values())).output
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_json(folder / "asked.json", params.asked(key, params.profile))
    results: list[dict[str, Any]] = []
    costs: list[dict[str, Any]] = []
    history: list[dict[str, Any]] = []
    for seed, cell in cells.items():
        row = _facts(params, key, seed, cell)
        results += _results(row, cell)
        costs += _costs(row, cell)
        history += _history(seed, cell.inputs["model"].folder / "history.csv")
    _write(folder / "results.csv", KEYS, results)
    _write(folder / "costs.csv", [*KEYS, "hardware"], costs)
    if history:
        _write(folder / "history.csv", list(history[0]), history)
    made = {seed: c.result for seed, c in cells.items() if c.result["confusion"]}
    if made:
        classes = next(iter(made.values()))["classes"]
        confusion = {"classes": classes, "test": {s: r["confusion"] for s, r in made.items()}}
        (folder / "confusion.json").write_text(json.dumps(confusion) + "\n")


def _facts(params: Params, key: str, seed: int, cell: Cell) -> dict[str, Any]:
    parent = params.variants[key].of if key in params.variants else key
    experiment = params.experiments[parent]
    return {
        "profile": params.profile,
        "experiment": parent,
        "task": params.data[experiment.data].task,
        "dataset": experiment.data,
        "model": experiment.short,
        "recipe": experiment.recipe,
        "variant": "none" if parent == key else key,
        "seed": seed,
        "split": "",
        "metric": signature.constant(f"tasks/{params.data[experiment.data].task}", "METRIC"),
        "value": "",
        "status": "ok",
        "run_key": cell.inputs["model"].key,
    }


def _results(row: dict[str, Any], cell: Cell) -> list[dict[str, Any]]:
    result = cell.result
    if result["status"] == "failed":
        return [row | {"status": f"failed: {result['reason']}"}]
    return [row | {"split": s, "metric": m, "value": _text(v)} for s, m, v in result["values"]]


def _costs(row: dict[str, Any], cell: Cell) -> list[dict[str, Any]]:
    model, evaluated = (read_json(c.folder / "costs.json") for c in (cell.inputs["model"], cell))
    kind = cell.inputs["model"].kind
    seconds = model.get("train_seconds", model["seconds"])
    measured = {f"{kind}_seconds": seconds, f"{kind}_cpu_seconds": model["cpu_seconds"]}
    row = row | {"status": _results(row, cell)[0]["status"]}
    measured |= {k: v for k, v in evaluated.items() if k.endswith("latency_ms")}
    return [
        row | {"metric": m, "value": _text(v), "hardware": (model if m.startswith(kind) else evaluated)["hardware"]}
        for m, v in measured.items()
    ]


def _history(seed: int, path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [{"seed": seed, **row} for row in csv.DictReader(file)]


def _text(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.9g}"


def _write(path: Path, fields: list[str], rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
