"""Registered versions that a run starts from."""

import json
import os
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from tests.tracking.conftest import REPOSITORY, Laboratory

TRAIN = """
from pipeline.config import loading
from pipeline.run.fill import Run, executor
from pipeline.run.plan import Plan
cell = Plan(loading.load()).train("shapes_mlp", 0)
Run(executor(1)).fill([cell])
print(cell.inputs["start"].folder, cell.folder)
"""
ROW = "view: flatten, args: {hidden: [16]}, set: {}}\n  shapes_svm"


def trained(laboratory: Laboratory) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [sys.executable, "-c", TRAIN], cwd=laboratory.root, env=environment, capture_output=True, text=True, timeout=300
    )


def test_a_row_starts_from_a_version_and_a_changed_one_is_refused(laboratory: Laboratory) -> None:
    laboratory.publish()
    ledger = laboratory.root / "registry.jsonl"
    versions = [v for line in ledger.read_text().splitlines() if (v := json.loads(line))["kind"] == "version"]
    version = next(v for v in versions if v["experiment"] == "shapes_mlp" and v["variant"] == "none")
    locator = f"{version['name']}/{version['version']}"
    for weights, said in (
        (f"{version['name']}@laptop_champion", f"write {version['name']}/"),
        ("shapes-mpl/1", f"unknown registered model 'shapes-mpl'; did you mean '{version['name']}'"),
        (f"{version['name']}/99", "no version '99'"),
    ):
        laboratory.edit(ROW, ROW.replace("set: {}", f"set: {{}}, start: {{weights: {weights}}}"))
        assert said in trained(laboratory).stderr
        laboratory.edit(f", start: {{weights: {weights}}}", "")

    laboratory.edit(ROW, ROW.replace("set: {}", f"set: {{}}, start: {{weights: {locator}, head: kept, train: head}}"))
    done = trained(laboratory)
    source, folder = done.stdout.split()[-2:]
    assert done.returncode == 0, done.stderr
    registered = load_file(
        laboratory.root / "artifacts/laptop/train/shapes_mlp" / f"seed{version['seed']}" / "weights.safetensors"
    )
    taken, found = (load_file(f"{place}/weights.safetensors") for place in (source, folder))
    assert taken.keys() == registered.keys() and all(torch.equal(taken[n], registered[n]) for n in registered)
    body = [n for n in found if n.startswith("body.") and found[n].shape[0] != 10]
    assert body and all(torch.equal(found[n], registered[n]) for n in body)

    laboratory.edit("set: {}, start", "set: {scaling: unit}, start")
    result = json.loads((Path(trained(laboratory).stdout.split()[-1]) / "result.json").read_text())
    assert result["status"] == "failed"
    assert f"{locator} has learnt from scaling 'standardise', but here it is 'unit'" in result["reason"]
    laboratory.edit("set: {scaling: unit}, start", "set: {}, start")

    ledger.write_text(ledger.read_text().replace(version["artifact_hash"], "0" * 64))
    refused = trained(laboratory)
    assert refused.returncode and "registry.jsonl says 000000000000..." in refused.stderr
