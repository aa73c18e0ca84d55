"""What the files of a finished run say: the line that the ledger gets, and where the files themselves lie."""

import csv
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import fingerprint, paths, signature
from pipeline.cells import findings, read_json
from pipeline.params import Params
from pipeline.tracking.ledger import Identity, Ledger, Line, identity

WEIGHTS = ("weights.safetensors", "model.skops", "model.onnx")


@dataclass(frozen=True)
class Roots:
    """Where everything lies; the defaults are the project's own places."""

    artifacts: Callable[[str, str], Path] = paths.artifacts
    results: Callable[[str, str], Path] = paths.results
    prepared: Callable[[str], Path] = paths.prepared
    cells: Path = paths.CELLS
    store: Path = paths.STORE
    ledger: Path = paths.LEDGER

    @classmethod
    def below(cls, root: Path) -> "Roots":
        """The same arrangement under another folder."""
        return cls(
            lambda profile, key: root / "artifacts" / profile / key,
            lambda profile, key: root / "results" / profile / key,
            lambda data: root / "data" / "prepared" / data,
            root / ".cells",
            root / "mlflow",
            root / "registry.jsonl",
        )


def key(line: Line) -> str:
    """The experiment's or the variant's name: what its folders are called."""
    return line["experiment"] if line["variant"] == "none" else line["variant"]


def owners(params: Params) -> dict[str, str]:
    """Key -> experiment that it belongs to, experiments first."""
    return {e: e for e in params.experiments} | {v: variant.of for v, variant in params.variants.items()}


def collect(params: Params, roots: Roots, ledger: Ledger) -> tuple[list[Line], list[str]]:
    """Run lines of the active profile in the order of params.yaml, and the runs that have no files yet."""
    lines, missing = [], []
    for name, experiment in owners(params).items():
        tables = _tables(roots.results(params.profile, name))
        for seed in params.profiles[params.profile].seeds:
            folder = roots.artifacts(params.profile, name) / f"seed{seed}"
            if not (folder / "result.json").is_file():
                missing.append(f"{name}, seed {seed}")
                continue
            line = _line(params, name, experiment, seed, folder, tables)
            # A kill between training and evaluation leaves the results of the model before this one.
            if tables["keys"].get(seed) != line["run_key"]:
                missing.append(f"{name}, seed {seed}: not evaluated")
                continue
            lines.append(_timed(line, folder, ledger.runs.get(identity(line))))
    return lines, missing


def _line(params: Params, name: str, owner: str, seed: int, folder: Path, tables: dict[str, Any]) -> Line:
    spec, result, costs = (read_json(folder / f"{n}.json") for n in ("spec", "result", "costs"))
    experiment = params.experiments[owner]
    status, reason = result["status"], result.get("reason")
    refused = tables["failed"].get(seed)
    if status == "ok" and refused:
        status, reason = "failed", refused
    return {
        "kind": "run",
        "profile": params.profile,
        "experiment": owner,
        "variant": "none" if name == owner else name,
        "seed": seed,
        "run_key": spec["key"],
        "dataset": experiment.data,
        "model": experiment.short,
        "recipe": experiment.recipe,
        "task": params.data[experiment.data].task,
        "data": spec["inputs"].get("data"),
        "status": status,
        "reason": reason,
        "metrics": tables["results"].get(seed, {}) if status == "ok" else {},
        "costs": tables["costs"].get(seed, {}) if status == "ok" else {},
        "weights_hash": result.get("weights_hash"),
        **{name: costs.get(name) for name in ("hardware", "commit", "dirty", "lock")},
        **({"health": ", ".join(found)} if (found := findings(result)) else {}),
    }


def _timed(line: Line, folder: Path, known: Line | None) -> Line:
    """Add `ended` (ms) and `seconds`: once written down they stay, since a checkout gives files new times.

    Also where another processor made the cell again with other last digits: MLflow can't move a run's start, and an end
    of today on a start of last week would be read as a week of training. `cost/train_seconds` is of the new one.
    """
    if known:
        return line | {"ended": known["ended"], "seconds": known["seconds"]}
    costs = read_json(folder / "costs.json")
    seconds = costs.get("train_seconds", costs.get("seconds", 0.0))
    return line | {"ended": int((folder / "result.json").stat().st_mtime * 1000), "seconds": seconds}


def _tables(folder: Path) -> dict[str, Any]:
    """results, costs: seed -> `split/metric` -> value; failed: seed -> reason; keys: seed -> run key."""
    found: dict[str, Any] = {"results": {}, "costs": {}, "failed": {}, "keys": {}}
    for kind in ("results", "costs"):
        if not (folder / f"{kind}.csv").is_file():
            continue
        with (folder / f"{kind}.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                found["keys"][int(row["seed"])] = row["run_key"]
                if row["status"] != "ok":
                    found["failed"][int(row["seed"])] = row["status"].removeprefix("failed: ")
                elif row["value"]:
                    group = row["split"] or ("model" if kind == "results" else "cost")
                    values = found[kind].setdefault(int(row["seed"]), {})
                    values[f"{group}/{row['metric']}"] = float(row["value"])
    return found


def folder_of(line: Line, roots: Roots) -> Path | None:
    """Where the files of a run are: linked into artifacts/ if it is current, else in its cell, else nowhere."""
    linked = roots.artifacts(line["profile"], key(line)) / f"seed{line['seed']}"
    for folder in (linked, roots.cells / line["run_key"]):
        spec = folder / "spec.json"
        if spec.is_file() and json.loads(spec.read_text())["key"] == line["run_key"]:
            return folder
    return None


def weights(folder: Path) -> Path | None:
    """The file that a version is made of."""
    return next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)


def artifact_hash(folder: Path, file: Path) -> str:
    """What makes two models the same: of the weights themselves, since some formats write other bytes every time."""
    return str(read_json(folder / "result.json").get("weights_hash") or fingerprint.of_file(file))


def metric(line: Line) -> str:
    """What models of the run's task are chosen by, higher is better."""
    return str(signature.constant(f"tasks/{line['task']}", "METRIC"))


def score(line: Line) -> float | None:
    """That metric on validation; None for a failed run, and where no validation items were held out."""
    value = line["metrics"].get(f"validation/{metric(line)}")
    return None if line["status"] != "ok" or value is None else float(value)


def rank(line: Line) -> float:
    """`score` to choose by; where nothing was held out all are equal, and the first of equals is chosen."""
    value = score(line)
    return -math.inf if value is None else value


def winners(lines: list[Line]) -> list[Line]:
    """The best seed on validation of each experiment (the first of equals), and its variants of the same seed."""
    best: dict[str, Line] = {}
    finished = [line for line in lines if line["status"] == "ok"]
    for line in finished:
        held = best.get(line["experiment"])
        if line["variant"] == "none" and (held is None or rank(line) > rank(held)):
            best[line["experiment"]] = line
    return [line for line in finished if best.get(line["experiment"], {}).get("seed") == line["seed"]]


def version_line(line: Line, roots: Roots) -> Line | None:
    """What the ledger says of a run's registered version, without its number; None where it has no weights."""
    folder = folder_of(line, roots)
    file = weights(folder) if folder else None
    if folder is None or file is None:
        return None
    kept = ("profile", "experiment", "variant", "seed", "recipe", "run_key", "data", "commit", "hardware")
    return {
        "kind": "version",
        "name": f"{line['dataset']}-{line['model']}",
        "artifact_hash": artifact_hash(folder, file),
        **{name: line[name] for name in kept},
    }


def current(params: Params, ledger: Ledger) -> set[Identity]:
    """Runs that stand for their seed today: the last of each slot that params.yaml still names."""
    every = owners(params) | params.elsewhere
    named = {(owner, "none" if name == owner else name) for name, owner in every.items()}
    return {
        run
        for (profile, experiment, variant, seed), run in ledger.current.items()
        if (experiment, variant) in named and profile in params.profiles and seed in params.profiles[profile].seeds
    }
