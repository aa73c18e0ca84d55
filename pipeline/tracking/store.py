"""Runs in MLflow: a sqlite file and a folder of artifacts, both below `mlflow/`.

One MLflow experiment a data set and profile (`fashion_mnist-laptop`): its table of runs then compares equal budgets on
equal data, which is what a reader sorts by. One run a cell. A run is found by its tags, never by its id.

A run is begun with all its tags, filled, and ended last, so that a publish that was killed leaves it RUNNING; filling
is idempotent (equal parameters, metrics with times taken from the record), so the next one fills the same run again.
"""

import json
import logging
import tempfile
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.data.schema import TensorDatasetSchema
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag, ViewType
from mlflow.types import Schema, TensorSpec
from numpy import dtype

from pipeline.cells import fingerprint
from pipeline.cells.cell import read_json
from pipeline.data.kinds import KINDS
from pipeline.tracking import figures
from pipeline.tracking.database import NAME, address, opened
from pipeline.tracking.ledger import Line
from pipeline.tracking.records import Identity, Roots, confusion, identity, key, metric

PROJECTION = 3  # raised when a run is to be shown differently: every run is then filled again
BATCH_METRICS, BATCH_REST = 1000, 100  # MLflow's limits for one log_batch
TAGGED = (
    "profile",
    "experiment",
    "variant",
    "seed",
    "run_key",
    "dataset",
    "model",
    "recipe",
    "task",
    "weights_hash",
    "hardware",
    "commit",
    "dirty",
    "lock",
    "health",
)
LEFT_OUT = {"kind", "key", "entry", "sources", "inputs"}  # of a specification: no parameters
KEPT = ("spec.json", "result.json", "costs.json", "history.csv")


class Store:
    """The MLflow side of a publish."""

    def __init__(self, roots: Roots) -> None:
        self.roots = roots
        self.root = roots.store.resolve()
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self.root.mkdir(parents=True, exist_ok=True)
        if not (self.root / NAME).exists():
            # Making the tables takes a second; a kill in between must not leave half of them.
            with tempfile.TemporaryDirectory(dir=self.root, prefix="new-") as place:
                MlflowClient(address(Path(place))).search_experiments(max_results=1)
                Path(place, NAME).replace(self.root / NAME)
        uri = opened(self.root)
        # The registry's side of MLflow asks for the global address. (set_registry_uri would also put one into the
        # environment, where every child process finds it.)
        mlflow.set_tracking_uri(uri)
        self.client = MlflowClient(uri, uri)
        self.changed = 0
        self._experiments = {e.name: e for e in self.client.search_experiments(ViewType.ALL) if "profile" in e.tags}

    @cached_property
    def names(self) -> set[str]:
        """Of all registered models."""
        return {model.name for model in self.client.search_registered_models(max_results=1000)}

    @cached_property
    def runs(self) -> dict[Identity, Run]:
        """All published runs by what they are; of duplicates the oldest."""
        found: dict[Identity, Run] = {}
        ids = [e.experiment_id for e in self.client.search_experiments()]
        token = None
        while ids:
            page = self.client.search_runs(
                ids,
                run_view_type=ViewType.ACTIVE_ONLY,
                max_results=1000,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            for run in page:
                tags = run.data.tags
                if "run_key" in tags:
                    found.setdefault((tags["profile"], tags["experiment"], tags["variant"], tags["run_key"]), run)
            token = page.token
            if not token:
                break
        return found

    def experiment(self, line: Line) -> str:
        """Id of a run's MLflow experiment, made or restored where it is missing."""
        name = f"{line['dataset']}-{line['profile']}"
        if name not in self._experiments:
            tags = {
                "dataset": line["dataset"],
                "profile": line["profile"],
                "mlflow.note.content": _note(line),
                "mlflow.experimentKind": "custom_model_development",
            }
            place = (self.root / "artifacts" / name).as_uri()
            self._experiments[name] = self.client.get_experiment(self.client.create_experiment(name, place, tags))
        elif self._experiments[name].lifecycle_stage == "deleted":
            self.client.restore_experiment(self._experiments[name].experiment_id)
            self._experiments[name] = self.client.get_experiment(self._experiments[name].experiment_id)
        return str(self._experiments[name].experiment_id)

    def put_run(self, line: Line) -> None:
        """Make or complete the run of a line; does nothing where it is there already."""
        kept = {name: value for name, value in line.items() if name not in ("folder", "ended")}
        digest = fingerprint.of_json([PROJECTION, kept])[:16]
        run, tags = self.runs.get(identity(line)), _tags(line) | {"record": digest}
        if run is None:
            started = line["ended"] - int(1000 * line["seconds"])
            run = self.client.create_run(self.experiment(line), started, None, f"{key(line)} seed {line['seed']}")
        elif run.info.status != "RUNNING" and run.data.tags.get("record") == digest:
            if run.data.tags.get("standing") != "current":
                self.client.set_tag(run.info.run_id, "standing", "current")
                self.changed += 1
            return
        # MLflow can't move a run's start: an end of today on a start of last week would be a week of training.
        ended = run.info.end_time or line["ended"]
        renewed = run.info.status != "RUNNING"
        self._fill(run.info.run_id, line, tags, int(time.time() * 1000) if renewed else ended)
        self.client.set_terminated(run.info.run_id, "FINISHED" if line["status"] == "ok" else "FAILED", ended)
        self.changed += 1
        self.runs[identity(line)] = run

    def supersede(self, profile: str, current: set[Identity]) -> None:
        """Say of the profile's other runs that params.yaml asks for them no more."""
        for name, run in self.runs.items():
            if name[0] == profile and name not in current and run.data.tags.get("standing") == "current":
                self.client.set_tag(run.info.run_id, "standing", "superseded")
                self.changed += 1

    def _fill(self, run_id: str, line: Line, tags: dict[str, str], now: int) -> None:
        folder = Path(line["folder"])
        rows = figures.history(folder / "history.csv")
        metrics = _curves(rows, line) + [Metric(k, v, now, 0) for k, v in (line["metrics"] | line["costs"]).items()]
        params = [Param(k, v) for k, v in parameters(folder).items()]
        named = [RunTag(k, v) for k, v in tags.items()]
        for start in range(0, max(len(metrics), 1), BATCH_METRICS - 2 * BATCH_REST):
            batch = metrics[start : start + BATCH_METRICS - 2 * BATCH_REST]
            self.client.log_batch(run_id, batch, *((params[:BATCH_REST], named) if not start else ()))
        for start in range(BATCH_REST, len(params), BATCH_REST):
            self.client.log_batch(run_id, params=params[start : start + BATCH_REST])
        self.client.log_inputs(run_id, [self.dataset(line)])
        with tempfile.TemporaryDirectory() as place:
            draft = Path(place)
            title = f"{key(line)}, seed {line['seed']}, {line['profile']}"
            if rows:
                (draft / "learning_curve.png").write_bytes(figures.learning_curve(rows, title))
            if table := confusion(line, self.roots):
                shown = figures.confusion_matrix(table["counts"], table["classes"], f"{title}, test")
                (draft / "confusion_matrix.html").write_text(shown, encoding="utf-8")
            for name in KEPT:
                if (folder / name).is_file():
                    (draft / name).write_bytes((folder / name).read_bytes())
            self.client.log_artifacts(run_id, place)

    def dataset(self, line: Line) -> DatasetInput:
        """The data of a run as MLflow's input: its digest, and its shape and counts where they lie here."""
        folder = self.roots.prepared(line["dataset"])
        schema, profile = None, {"digest": line["data"]}
        if (folder / "meta.json").is_file():
            meta = read_json(folder / "meta.json")
            kind = dtype(KINDS[meta["kind"]].dtype)
            x, y = TensorSpec(kind, (-1, *meta["shape"])), TensorSpec(dtype("int64"), (-1,))
            schema = json.dumps(TensorDatasetSchema(Schema([x]), Schema([y])).to_dict())
            profile |= {f"num_{split}": sum(counts) for split, counts in meta["counts"].items()}
        source = json.dumps({"uri": f"data/prepared/{line['dataset']}"})
        digest = (line["data"] or "unknown")[:32]  # MLflow takes 36 characters; the profile has them all
        entity = Dataset(line["dataset"], digest, "local", source, schema, json.dumps(profile))
        return DatasetInput(entity, [InputTag("mlflow.data.context", "train, validation, test")])


def _curves(rows: list[dict[str, float]], line: Line) -> list[Metric]:
    """Columns of the history as metrics `epoch/<column>`, each at the time when its epoch ended."""
    clock = line["ended"] - 1000 * line["seconds"]
    metrics = []
    for row in rows:
        clock += 1000 * row.get("seconds", 0.0)
        metrics += [
            Metric(f"epoch/{name}", value, int(clock), int(row["epoch"]))
            for name, value in row.items()
            if name != "epoch"
        ]
    return metrics


def parameters(folder: Path) -> dict[str, str]:
    """The resolved specification, nested names joined by dots."""
    flat: dict[str, str] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(f"{prefix}.{name}" if prefix else name, inner)
        else:
            flat[prefix] = value if isinstance(value, str) else json.dumps(value)

    walk("", {k: v for k, v in read_json(folder / "spec.json").items() if k not in LEFT_OUT})
    return flat


def _tags(line: Line) -> dict[str, str]:
    tags = {name: str(line[name]) for name in TAGGED if line.get(name) is not None}
    tags |= {"data_digest": line["data"] or "unknown", "standing": "current", "mlflow.note.content": _summary(line)}
    tags |= {"mlflow.source.name": f"params.yaml: {key(line)}", "mlflow.source.type": "LOCAL"}
    if line["commit"]:
        tags["mlflow.source.git.commit"] = line["commit"]
    if line["reason"]:
        tags["reason"] = line["reason"]
    costs = read_json(Path(line["folder"]) / "costs.json")
    tags |= {f"version.{name}": str(v) for name, v in (costs.get("versions") or {}).items()}
    return tags | ({"system": str(costs["system"])} if costs.get("system") else {})


def _summary(line: Line) -> str:
    """What a reader sees at the top of a run, Markdown."""
    what = f"**{key(line)}**, seed {line['seed']}: {line['model']} on {line['dataset']}, recipe {line['recipe']}, "
    what += f"profile {line['profile']}."
    if line["status"] != "ok":
        return f"{what}\n\n**Failed**: {line['reason']}. It counts against its experiment and is never registered."
    names = [f"{split}/{metric(line).name}" for split in ("validation", "test")]
    shown = [f"{name.replace('/', ' ')} {line['metrics'][name]:.4f}" for name in names if name in line["metrics"]]
    return f"{what}\n\n{', '.join(shown)}"


def _note(line: Line) -> str:
    return (
        f"Every run of profile **{line['profile']}** on **{line['dataset']}**: equal data and equal budgets, so the "
        "table compares like with like.\n\nChoose models by `validation/...`, report `test/...`. "
        "Runs with `tags.standing = 'current'` are what params.yaml asks for today; the others were superseded by an "
        "edit. This is made from the files in results/ and .cells/: edits made here are not kept."
    )
