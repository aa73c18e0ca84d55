"""What tests read of a registry."""

import os
import subprocess
import sys
from typing import Any

from mlflow import MlflowClient

from pipeline.tracking.store import address
from tests.tracking.conftest import REPOSITORY, Laboratory


def client(laboratory: Laboratory) -> MlflowClient:
    return MlflowClient(address(laboratory.roots.store), address(laboratory.roots.store))


def runs(laboratory: Laboratory) -> dict[tuple[str, ...], Any]:
    """All runs by experiment, variant, seed and key."""
    api = client(laboratory)
    found = api.search_runs([e.experiment_id for e in api.search_experiments()])
    named = {tuple(r.data.tags[t] for t in ("profile", "experiment", "variant", "seed", "run_key")): r for r in found}
    assert len(named) == len(found), "a run was published twice"
    return named


def picture(laboratory: Laboratory) -> dict[str, Any]:
    """What a reader sees, without ids: two stores with equal pictures are the same registry."""
    api = client(laboratory)
    seen: dict[str, Any] = {}
    for name, run in runs(laboratory).items():
        history = {m: [(h.step, h.value, h.timestamp) for h in api.get_metric_history(run.info.run_id, m)]
                   for m in run.data.metrics}  # fmt: skip
        inputs = [(d.dataset.name, d.dataset.digest, d.dataset.profile) for d in run.inputs.dataset_inputs]
        files = sorted(f.path for f in api.list_artifacts(run.info.run_id))
        outputs = len(run.outputs.model_outputs)
        seen[str(name)] = [run.info.status, run.info.run_name, run.info.start_time, run.info.end_time, run.data.params,
                           run.data.tags, history, inputs, files, outputs]  # fmt: skip
    for model in api.search_registered_models():
        versions = {v.version: (v.tags, v.description) for v in api.search_model_versions(f"name = '{model.name}'")}
        seen[model.name] = [model.tags, model.description, model.aliases, versions]
    return seen


def in_a_process(laboratory: Laboratory, code: str) -> str:
    """MLflow holds on to a store that it has once opened in a process."""
    words = [
        sys.executable,
        "-c",
        f"from pipeline.config import loading\nfrom pipeline.tracking.publish import publish\n{code}",
    ]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(words, cwd=laboratory.root, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout
