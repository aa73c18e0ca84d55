"""Files in, registry out, whatever happened in between. Real cells, real MLflow, real sqlite."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from pipeline.tracking.publish import publish
from pipeline.tracking.records import StoreError
from tests.tracking.conftest import REPOSITORY, Laboratory
from tests.tracking.reading import client, picture, runs


def test_every_seed_is_a_run_and_the_best_is_registered(published: Laboratory) -> None:
    found = runs(published)
    assert len(found) == 8
    line = next(r for name, r in found.items() if name[1:4] == ("shapes_mlp", "none", "1"))
    assert line.info.status == "FINISHED" and line.data.params["recipe.lr"] == "0.01"
    assert line.data.params["budget.samples"] == "300" and line.data.tags["standing"] == "current"
    assert {"validation/accuracy", "test/accuracy", "model/bytes", "cost/latency_ms"} <= set(line.data.metrics)
    history = client(published).get_metric_history(line.info.run_id, "epoch/train_loss")
    assert [h.step for h in history] == [0, 1]
    pictures = {f.path for f in client(published).list_artifacts(line.info.run_id)}
    assert {"learning_curve.png", "confusion_matrix.html", "spec.json"} <= pictures
    given = line.inputs.dataset_inputs[0].dataset
    assert given.name == "shapes" and json.loads(given.profile)["num_train"] == 900

    api = client(published)
    best = max((r for name, r in found.items() if name[1:3] == ("shapes_mlp", "none")),
               key=lambda r: r.data.metrics["validation/accuracy"])  # fmt: skip
    version = api.get_model_version_by_alias("shapes-mlp", "laptop_champion")
    assert version.run_id == best.info.run_id and version.tags["seed"] == best.data.tags["seed"]
    assert {v.tags["variant"] for v in api.search_model_versions("name = 'shapes-mlp'")} == {"none", "shapes_mlp_int8"}


def test_a_failed_seed_is_a_failed_run_and_never_registered(published: Laboratory) -> None:
    failed = [r for name, r in runs(published).items() if name[1] == "shapes_wild"]
    assert [r.info.status for r in failed] == ["FAILED", "FAILED"]
    assert "loss is" in failed[0].data.tags["reason"] and not failed[0].outputs.model_outputs
    assert failed[0].data.tags["health"] == "exploding gradients"
    versions = client(published).search_model_versions()
    assert "shapes_wild" not in {v.tags["experiment"] for v in versions} and len(versions) == 3


def test_the_second_publish_changes_nothing(published: Laboratory) -> None:
    before = picture(published)
    files = [published.roots.ledger, published.roots.store / "receipt.json"]
    content = [f.read_bytes() for f in files]
    assert published.publish()["changed"] == 0
    assert picture(published) == before and [f.read_bytes() for f in files] == content


def test_nothing_is_written_outside_of_the_laboratory(laboratory: Laboratory, tmp_path: Path) -> None:
    laboratory.publish()
    assert [p.name for p in tmp_path.iterdir()] == ["laboratory"]


def test_a_deleted_store_comes_back_the_same(laboratory: Laboratory) -> None:
    laboratory.publish()
    again = laboratory.without_store()
    again.publish()
    assert picture(again) == picture(laboratory)
    assert again.roots.ledger.read_bytes() == laboratory.roots.ledger.read_bytes()


def _publish_and_die(laboratory: Laboratory, after: int) -> bool:
    """Publish in a child that is killed with -9 before its `after`-th write; whether it got through."""
    child = os.fork()
    if child == 0:
        left = [after]

        def counted(function: Any) -> Any:
            def call(*args: Any, **named: Any) -> Any:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*args, **named)

            return call

        os.fsync = counted(os.fsync)
        writing = ("create", "log_", "set_", "finalize", "delete", "restore")
        for name in [n for n in vars(MlflowClient) if n.startswith(writing)]:
            setattr(MlflowClient, name, counted(getattr(MlflowClient, name)))
        laboratory.publish()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_killed_again_and_again_it_ends_whole(laboratory: Laboratory, published: Laboratory) -> None:
    dice = random.Random(0)
    kills = 0
    while not _publish_and_die(laboratory, dice.choice((2, 3, 5, 8, 13, 21))):
        kills += 1
        assert kills < 60, "no progress"
    assert kills > 4
    assert picture(laboratory) == picture(published)
    assert laboratory.roots.ledger.read_bytes() == published.roots.ledger.read_bytes()


def test_a_line_that_never_reached_the_store_is_made_up_for(laboratory: Laboratory) -> None:
    laboratory.publish()
    before, whole = picture(laboratory), laboratory.roots.ledger.read_bytes()
    laboratory.roots.ledger.write_bytes(whole + whole[:100])
    assert laboratory.publish()["changed"] == 0
    assert picture(laboratory) == before and laboratory.roots.ledger.read_bytes() == whole


def test_versions_of_another_branch_keep_their_numbers(laboratory: Laboratory) -> None:
    laboratory.publish()
    before = picture(laboratory)
    laboratory.roots.ledger.unlink()
    assert laboratory.publish()["changed"] == 0
    assert picture(laboratory) == before


def test_new_values_reach_the_same_run(laboratory: Laboratory) -> None:
    laboratory.publish()
    lines = laboratory.roots.ledger.read_text().count("\n")
    table = laboratory.roots.results("laptop", "shapes_svm") / "scores.csv"
    row = next(line for line in table.read_text().splitlines() if line.startswith("0,test,accuracy,"))
    table.write_text(table.read_text().replace(row, row.replace(row.split(",")[3], "0.125")))
    laboratory.publish()
    run = next(r for name, r in runs(laboratory).items() if name[1] == "shapes_svm" and name[3] == "0")
    assert run.data.metrics["test/accuracy"] == 0.125 and len(runs(laboratory)) == 8
    assert laboratory.roots.ledger.read_text().count("\n") == lines
    assert laboratory.publish()["changed"] == 0


def test_a_run_deleted_by_hand_is_made_again(laboratory: Laboratory) -> None:
    laboratory.publish()
    before = picture(laboratory)
    name = next(n for n, r in runs(laboratory).items() if n[1] == "shapes_svm" and not r.outputs.model_outputs)
    client(laboratory).delete_run(runs(laboratory)[name].info.run_id)
    assert laboratory.publish()["changed"] == 1
    assert picture(laboratory) == before and name in runs(laboratory)


def test_what_can_not_be_mended_says_what_to_do(laboratory: Laboratory) -> None:
    laboratory.publish()
    client(laboratory).delete_model_version("shapes-mlp", "1")
    with pytest.raises(StoreError, match="version 1 of shapes-mlp was deleted .* delete mlflow/ and `make repro`"):
        laboratory.publish()
    laboratory = laboratory.without_store()
    assert laboratory.publish()["versions"] == {"shapes-mlp": 2, "shapes-svm": 1}


@pytest.mark.slow
def test_an_edit_and_its_revert_are_both_there(laboratory: Laboratory) -> None:
    laboratory.publish()
    api, first = client(laboratory), picture(laboratory)
    champion = {name: api.get_registered_model(name).aliases for name in ("shapes-mlp", "shapes-svm")}

    laboratory.edit("lr: 0.01", "lr: 0.02")
    laboratory.run("shapes_mlp")
    assert laboratory.publish()["versions"] == {"shapes-mlp": 4, "shapes-svm": 1}
    assert api.get_registered_model("shapes-mlp").aliases["laptop_champion"] == 3
    standing = {(r.data.params["recipe.lr"], r.data.tags["standing"]) for name, r in runs(laboratory).items()
                if name[1:3] == ("shapes_mlp", "none")}  # fmt: skip
    assert standing == {("0.01", "superseded"), ("0.02", "current")}

    laboratory.edit("lr: 0.02", "lr: 0.01")
    laboratory.run("shapes_mlp")
    assert laboratory.publish()["versions"] == {"shapes-mlp": 4, "shapes-svm": 1}, "the old version is used again"
    assert {name: api.get_registered_model(name).aliases for name in champion} == champion
    after = picture(laboratory)
    assert {name: after[name] for name in first if name != "shapes-mlp"} | {"shapes-mlp": first["shapes-mlp"]} == first

    laboratory.edit("profile: laptop", "profile: paper")
    laboratory.run("shapes_mlp", "shapes_svm")
    laboratory.publish()
    laboratory.edit("profile: paper", "profile: laptop")
    laboratory.publish()
    aliases = api.get_registered_model("shapes-mlp").aliases
    assert aliases["paper_champion"] == 5 and aliases["laptop_champion"] == 1
    again = laboratory.without_store()
    again.publish()
    names = {name: api.get_registered_model(name).aliases for name in champion}
    assert {name: client(again).get_registered_model(name).aliases for name in names} == names
    versions = client(again).search_model_versions()
    assert len(versions) == len(api.search_model_versions()) and not [v for v in versions if "files" in v.tags]
    assert {run[0] for run in runs(again)} == {"laptop"}, "runs are those of results today"


def test_publish_takes_the_projects_own_folders(laboratory: Laboratory) -> None:
    """The stage runs in the project's root and names no folder."""

    done = subprocess.run([sys.executable, "-m", "stages.publish"], cwd=laboratory.root, capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2 of them failed" in done.stdout
    assert publish(laboratory.params, laboratory.roots)["changed"] == 0
