"""Seeds that decide nothing: computed once, and a row of their own all the same."""

import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.cells import same, store
from pipeline.cells.cell import read_json
from pipeline.config import loading
from pipeline.run.plan import SAME, Plan
from tests.laboratory import Laboratory


def entries(plan: Plan, key: str) -> dict[str, list[str]]:
    seeds = plan.profile.seeds
    return {
        "train": [plan.train(key, s).entry for s in seeds],
        "predict": [plan.predict(key, s).entry for s in seeds],
    }


def test_only_where_neither_the_draw_of_items_nor_the_model_has_chance_in_it() -> None:
    plan = Plan(loading.load())
    for key in ("iris_svm", "wine_knn"):
        assert all(found[0] != SAME and set(found[1:]) == {SAME} for found in entries(plan, key).values()), key
    for key in ("iris_tree", "iris_mlp", "fmnist_svm"):
        assert all(SAME not in found for found in entries(plan, key).values()), key
    balanced = plan.trial("iris_svm", 1, {"set": {"sampling": "balanced"}})
    assert balanced.entry != SAME


@pytest.fixture(scope="module")
def fitted(laboratory: Laboratory) -> Path:
    return laboratory.train("iris_svm", 0, budget={"samples": None, "validation": None, "epochs": 1})


def test_what_it_gives_is_what_computing_again_gives(laboratory: Laboratory, fitted: Path, tmp_path: Path) -> None:
    again = laboratory.train("iris_svm", 1, budget={"samples": None, "validation": None, "epochs": 1})
    spec: dict[str, Any] = read_json(again / "spec.json") | {"kind": "train"}
    started = time.perf_counter()
    result = store.execute("0" * 32, tmp_path / "twin", same.__name__, spec, {"same": str(fitted)})
    spent = time.perf_counter() - started
    assert result == read_json(again / "result.json") and result["status"] == "ok"
    twin, first = (read_json(folder / "costs.json") for folder in (tmp_path / "twin", fitted))
    assert twin["train_seconds"] == first["train_seconds"] and twin["seconds"] == first["seconds"]
    assert laboratory.evaluate(tmp_path / "twin") and spent < 5
    values = [laboratory.evaluate(f)["values"] for f in (again, tmp_path / "twin")]
    assert values[0] == values[1]
