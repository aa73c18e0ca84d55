"""Which result files are those of today's parameters."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline import params
from pipeline.report.tidy import load


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
    known = params.load()
    asked = known.asked("iris_mlp", "laptop")
    edit(asked["recipe_resolved"])
    (tmp_path / "iris_mlp").mkdir()
    (tmp_path / "iris_mlp" / "asked.json").write_text(json.dumps(asked))
    (tmp_path / "iris_mlp" / "results.csv").write_text("seed,status\n0,ok\n")
    found = load(known, "laptop", lambda key: tmp_path / key)["iris_mlp"]
    assert found.stale is stale and bool(found.results) is not stale
