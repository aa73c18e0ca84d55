"""What results and cells say of a run, and where the files of a model are.

A run is a seed of a row: its results name the key of its model's cell. A registered version is found by the hash of its
weights, and its files are those of whatever cell has that hash today.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.cells import fingerprint
from pipeline.cells.cell import MARKER, findings, read_json
from pipeline.config.sections import Params
from pipeline.errors import Told
from pipeline.formats import files as formats
from pipeline.results import files
from pipeline.results.files import Result
from pipeline.results.metric import Metric, of_task
from pipeline.tracking.ledger import Line

Identity = tuple[str, str, str, str]  # profile, experiment, variant, run_key
REMAKE = "delete mlflow/ and `make repro` makes it again from files"


class StoreError(Told, RuntimeError):
    """A store that can't be what the ledger says; the message says how to make it again."""


@dataclass(frozen=True)
class Roots:
    """Where everything lies below a project's folder."""

    root: Path = paths.ROOT

    def results(self, profile: str, key: str) -> Path:
        return self.root / paths.results(profile, key).relative_to(paths.ROOT)

    def prepared(self, data: str) -> Path:
        return self.root / paths.prepared(data).relative_to(paths.ROOT)

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def cells(self) -> Path:
        return self.root / ".cells"

    @property
    def store(self) -> Path:
        return self.root / "mlflow"

    @property
    def ledger(self) -> Path:
        return self.root / "registry.jsonl"


class Models:
    """Folders of finished models, in `.cells/` or where a stage shows them."""

    def __init__(self, roots: Roots) -> None:
        self.roots = roots

    def of_key(self, key: str) -> Path | None:
        """The cell of that key."""
        folder = self.roots.cells / key
        return folder if (folder / MARKER).is_file() else self._shown.get(key)

    def of_hash(self, digest: str | None) -> Path | None:
        """A model with those weights that can be built again: its file is here, and so is its code."""
        return self._hashed.get(digest or "")

    @cached_property
    def _shown(self) -> dict[str, Path]:
        markers = sorted(self.roots.artifacts.rglob(MARKER))
        return {json.loads(marker.read_text())["key"]: marker.parent for marker in markers}

    @cached_property
    def _hashed(self) -> dict[str, Path]:
        folders = [*self._shown.values(), *(m.parent for m in sorted(self.roots.cells.glob(f"*/{MARKER}")))]
        return {artifact_hash(folder): folder for folder in folders if weights(folder) and _is_model(folder)}


def weights(folder: Path) -> Path | None:
    """The file that a version is made of."""
    return next((folder / name for name in formats.known().values() if (folder / name).is_file()), None)


def artifact_hash(folder: Path) -> str:
    """What makes two models the same: of the weights themselves, since some formats write other bytes every time."""
    known = read_json(folder / "result.json").get("weights_hash")
    file = weights(folder)
    assert known or file
    return str(known or fingerprint.of_file(file))  # type: ignore[arg-type]


def _is_model(folder: Path) -> bool:
    spec = read_json(folder / "spec.json")
    model = spec.get("model")  # of a whole graph there is none
    return spec["kind"] in ("train", "compress") and (not model or (fingerprint.PACKAGE / f"{model}.py").is_file())


def key(line: Line) -> str:
    """The experiment's or the variant's name: what its folders are called."""
    return str(line["experiment"] if line["variant"] == "none" else line["variant"])


def identity(line: Line) -> Identity:
    return line["profile"], line["experiment"], line["variant"], line["run_key"]


def owners(params: Params) -> dict[str, str]:
    """Key -> experiment that it belongs to, experiments first."""
    return {e: e for e in params.experiments} | {v: variant.of for v, variant in params.variants.items()}


@dataclass(frozen=True)
class Collected:
    """lines: of runs whose files are here. missing: what to say of the others. current: all that results name."""

    lines: list[Line]
    missing: list[str]
    current: set[Identity]


def collect(params: Params, roots: Roots, models: Models) -> Collected:
    """Runs of the active profile in the order of params.yaml."""
    found = Collected([], [], set())
    for name, owner in owners(params).items():
        result = files.read(params, params.profile, name, roots.results(params.profile, name))
        for seed in params.seeds_of(name):
            run_key = result.keys.get(seed)
            if run_key is None:
                found.missing.append(f"{name}, seed {seed}")
                continue
            found.current.add((params.profile, owner, _variant(name, owner), run_key))
            folder = models.of_key(run_key)
            if folder is None:
                found.missing.append(f"{name}, seed {seed}: made elsewhere, its model is not here")
            else:
                found.lines.append(_line(params, name, owner, seed, folder, result))
    return found


def _variant(name: str, owner: str) -> str:
    return "none" if name == owner else name


def _line(params: Params, name: str, owner: str, seed: int, folder: Path, found: Result) -> Line:
    spec, result, costs = (read_json(folder / f"{n}.json") for n in ("spec", "result", "costs"))
    experiment = params.experiments[owner]
    reason = result.get("reason") or found.failures().get(seed)
    seconds = costs.get("train_seconds", costs.get("seconds", 0.0))
    # A checkout gives files new times, so the cell's own record goes before.
    ended = costs.get("ended") or (folder / "result.json").stat().st_mtime
    return {
        "profile": params.profile,
        "experiment": owner,
        "variant": _variant(name, owner),
        "seed": seed,
        "run_key": found.keys[seed],
        "dataset": experiment.data,
        "model": experiment.short,
        "recipe": experiment.recipe,
        "task": params.data[experiment.data].task,
        "data": spec["inputs"].get("data"),
        "status": "failed" if reason else "ok",
        "reason": reason,
        "metrics": {} if reason else dict(_values(found.scores, seed, "model")),
        "costs": {} if reason else dict(_values(found.costs, seed, "cost")),
        "weights_hash": result.get("weights_hash"),
        "ended": int(1000 * ended),
        "seconds": seconds,
        "folder": str(folder),
        **{name: costs.get(name) for name in ("hardware", "commit", "dirty", "lock")},
        **({"health": ", ".join(named)} if (named := findings(result)) else {}),
    }


def _values(lines: Sequence[files.Record], seed: int, group: str) -> Iterator[tuple[str, float]]:
    """`split/metric` and value; where there is no split, `group/metric`."""
    for line in lines:
        if int(line["seed"]) == seed and line["value"]:
            yield f"{line.get('split') or group}/{line['metric']}", float(line["value"])


def confusion(line: Line, roots: Roots) -> dict[str, Any] | None:
    """classes and counts (K, K) on test, true by predicted; None where the results have none."""
    path = roots.results(line["profile"], key(line)) / files.CONFUSION
    table = read_json(path) if path.is_file() else {}
    counts = table.get("test", {}).get(str(line["seed"]))
    return {"classes": table["classes"], "counts": counts} if counts else None


def metric(line: Line) -> Metric:
    """What models of the run's task are chosen by."""
    return of_task(line["task"])


def rank(line: Line) -> float:
    """The metric on validation, more is better; where nothing was held out all are equal, and the first is chosen."""
    value = line["metrics"].get(f"validation/{metric(line).name}")
    return -math.inf if line["status"] != "ok" or value is None else metric(line).sign * float(value)


def winners(lines: list[Line]) -> list[Line]:
    """The best seed on validation of each experiment (the first of equals), and its variants of the same seed."""
    best: dict[str, Line] = {}
    finished = [line for line in lines if line["status"] == "ok"]
    for line in finished:
        held = best.get(line["experiment"])
        if line["variant"] == "none" and (held is None or rank(line) > rank(held)):
            best[line["experiment"]] = line
    return [line for line in finished if best.get(line["experiment"], {}).get("seed") == line["seed"]]


def version_line(line: Line) -> Line | None:
    """What the ledger says of a run's registered version, without its number; None where it has no weights."""
    folder = Path(line["folder"])
    if weights(folder) is None:
        return None
    kept = ("profile", "experiment", "variant", "seed", "recipe", "data", "commit", "hardware")
    name = f"{line['dataset']}-{line['model']}"
    return {"kind": "version", "name": name, "artifact_hash": artifact_hash(folder), **{n: line[n] for n in kept}}
