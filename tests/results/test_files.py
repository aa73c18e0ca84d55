"""Which result files are those of today's parameters."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline import introspection, paths
from pipeline.config import loading
from pipeline.results.collect import prune
from pipeline.results.files import Result, read
from pipeline.results.metric import named, of_task
from tests.sources import ROOT


@pytest.mark.parametrize(
    ("edit", "stale"),
    [
        (lambda recipe: None, False),
        (lambda recipe: recipe.pop("ema"), False),  # written before there was such a field
        (lambda recipe: recipe.update(ema=0.9), True),
        (lambda recipe: recipe.update(lr=recipe["lr"] * 2), True),
        (lambda recipe: recipe.update(gone=1), True),
    ],
    ids=["same", "a field that came later", "another value", "another rate", "a field that is no more"],
)
def test_results_are_those_of_the_same_parameters(tmp_path: Path, edit: Any, stale: bool) -> None:
    known = loading.load()
    asked = known.asked("iris_mlp", "laptop")
    edit(asked["recipe_resolved"])
    keys = {"profile": "laptop", "asked": asked, "keys": {"0": "k0", "99": "k99"}}
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    (tmp_path / "scores.csv").write_text("seed,status\n0,ok\n99,ok\n")
    told = {"classes": ["a", "b"], "test": {"0": [[1, 0], [0, 1]], "99": [[0, 1], [1, 0]]}}
    (tmp_path / "confusion.json").write_text(json.dumps(told))
    found = read(known, "laptop", "iris_mlp", tmp_path)
    assert (found.classes, found.confusion) == (([], {}) if stale else (["a", "b"], {0: [[1, 0], [0, 1]]}))
    assert found.stale is stale and bool(found.scores) is not stale
    assert found.keys == ({} if stale else {0: "k0"}) and len(found.scores) < 2


def test_costs_are_of_seeds_that_ended_well() -> None:
    scores = [{"seed": "0", "split": "test", "metric": "m", "value": "1", "status": "ok"}]
    scores.append({"seed": "1", "split": "", "metric": "m", "value": "", "status": "failed: loss is nan"})
    found = Result(scores, [{"seed": s, "metric": "train_seconds", "value": "2", "hardware": "x"} for s in "01"])
    assert found.spent("train_seconds") == {0: 2.0} and found.failures() == {1: "loss is nan"}


def test_only_rows_that_left_the_parameters_lose_their_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    known = loading.load(ROOT / "params.yaml")
    for row in ("iris_mlp", "fmnist_lenet5_int8", "gone"):
        (paths.results("laptop", row)).mkdir(parents=True)
    assert prune(known) == ["gone"]
    assert {p.name for p in paths.results("laptop", "").iterdir()} == {"iris_mlp", "fmnist_lenet5_int8"}


@pytest.mark.parametrize("task", introspection.names("tasks"))
def test_tasks_of_one_metric_agree_on_it(task: str) -> None:
    metric = of_task(task)
    assert named(metric.name) == metric and metric.direction in ("maximize", "minimize") and metric.margin >= 0
