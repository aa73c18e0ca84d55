"""What every classical model has to do; whatever lies in pipeline/classical is under test."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.preprocessing import StandardScaler

from pipeline import introspection
from pipeline.classical import _fit

NAMES = introspection.names("classical")
Problem = tuple[str, tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@pytest.fixture(params=["class", "number"])
def problem(request: pytest.FixtureRequest) -> Problem:
    """(target, train, validation) of iris or diabetes, scaled."""
    x, y = (load_iris if request.param == "class" else load_diabetes)(return_X_y=True)
    x = StandardScaler().fit_transform(x).astype(np.float32)
    y = y if request.param == "class" else ((y - y.mean()) / y.std()).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(y))
    train, rest = order[: len(y) * 2 // 3], order[len(y) * 2 // 3 :]
    return request.param, (x[train], y[train]), (x[rest], y[rest])


@pytest.mark.parametrize("name", NAMES)
def test_it_fits_scores_and_counts(name: str, problem: Problem) -> None:
    target, train, validation = problem
    module = importlib.import_module(f"pipeline.classical.{name}")
    estimator = module.fit(module.build(target, 0, None), train, validation)
    scores = module.scores(estimator, validation[0])
    assert scores.shape == (len(validation[0]), 3 if target == "class" else 1) and np.isfinite(scores).all()
    if target == "class":
        assert (scores.argmax(1) == validation[1]).mean() > 0.85
        assert (scores.argmax(1) == estimator.predict(validation[0])).all()
    else:
        assert np.corrcoef(scores[:, 0], validation[1])[0, 1] > 0.3
    assert module.flops(estimator) > 0 and all(np.isfinite(a).all() for a in module.arrays(estimator).values())


@pytest.mark.parametrize("name", NAMES)
def test_equal_fits_have_equal_hashes_and_others_have_not(name: str, problem: Problem) -> None:
    target, (x, y), validation = problem
    module = importlib.import_module(f"pipeline.classical.{name}")

    def digest(start: int) -> str:
        return _fit.weights_hash(
            module.arrays(module.fit(module.build(target, 0, None), (x[start:], y[start:]), validation))
        )

    assert digest(0) == digest(0) != digest(40)


@pytest.mark.parametrize("name", [n for n in NAMES if not introspection.constant(f"classical/{n}", "CHANCE", True)])
def test_a_model_without_chance_takes_nothing_from_its_seed(name: str, problem: Problem) -> None:
    target, train, validation = problem
    module = importlib.import_module(f"pipeline.classical.{name}")

    def digest(seed: int) -> str:
        np.random.seed(seed)
        return _fit.weights_hash(module.arrays(module.fit(module.build(target, seed, None), train, validation)))

    assert len({digest(seed) for seed in range(4)}) == 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", ["iris", "diabetes"])
def test_a_cell_of_it_is_read_back_with_equal_answers(name: str, data: str, laboratory: Any, tmp_path: Path) -> None:
    entry, spec, inputs = laboratory.asked(f"{data}_knn", budget={"samples": None, "validation": None, "epochs": 1})
    spec = spec.model_copy(update={"model": f"classical/{name}", "args": {}})
    folder = laboratory._order("train", entry, spec, inputs)
    result = _fit.read_json(folder / "result.json")
    assert result["status"] == "ok", result
    _, _, scores = _fit.scorer(folder, 1)
    x = np.load(laboratory.data(data) / "x_validation.npy")
    assert (scores(x) == _fit.scorer(folder, 1)[2](x)).all() and len(scores(x)) == len(x)
