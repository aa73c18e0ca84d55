"""What every compression method has to do. Whatever lies in pipeline/compress/methods is under test."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from pipeline import introspection
from pipeline.cells.cell import read_json
from pipeline.formats import files
from pipeline.formats.model import open_model
from tests.laboratory import Laboratory

NAMES = introspection.names("compress/methods")
ROWS = {"safetensors": "digits_mlp", "skops": "digits_svm"}  # what training leaves
BUDGET = {"samples": None, "validation": None, "epochs": 4}


def constant(name: str, what: str) -> object:
    return introspection.constant(f"compress/methods/{name}", what)


def chain(name: str) -> tuple[str, list[str]]:
    """(row, methods) that end with `name`: one before it where training leaves nothing that it takes."""
    taken = introspection.constant(f"compress/methods/{name}", "TAKES")
    if direct := [kept for kept in taken if kept in ROWS]:
        return ROWS[direct[0]], [name]
    first = next(n for n in NAMES if constant(n, "MAKES") in taken and n != name and chain(n)[1] == [n])
    return chain(first)[0], [first, name]


@pytest.fixture(scope="module", params=NAMES)
def compressed(laboratory: Laboratory, request: pytest.FixtureRequest) -> tuple[str, Path, Path]:
    """(method, what it was given, what it has left)."""
    row, methods = chain(request.param)
    trained = laboratory.train(row, budget=BUDGET)
    folders = [trained, *laboratory.compress(trained, *({"method": method} for method in methods))]
    return request.param, folders[-2], folders[-1]


@pytest.mark.parametrize("name", NAMES)
def test_a_method_says_what_it_does_takes_and_makes(name: str) -> None:
    module = importlib.import_module(f"pipeline.compress.methods.{name}")
    assert len((module.__doc__ or "").split()) > 5 and module.apply.__doc__
    assert set(module.TAKES) <= set(files.known()) and module.MAKES in files.known()
    introspection.options(f"compress/methods/{name}", "apply")


def test_it_leaves_a_model_of_its_format_that_opens_and_answers(
    laboratory: Laboratory, compressed: tuple[str, Path, Path]
) -> None:
    name, given, left = compressed
    result = read_json(left / "result.json")
    assert result["status"] == "ok" and len(result["weights_hash"]) == 64
    assert files.format_of(left) == constant(name, "MAKES")
    x, y = (np.load(laboratory.data("digits") / f"{a}_test.npy") for a in "xy")
    before, after = (open_model(folder, 1).scores(x) for folder in (given, left))
    assert after.shape == before.shape and after.dtype == np.float32 and np.isfinite(after).all()
    assert (after.argmax(1) == y).mean() > (before.argmax(1) == y).mean() - 0.1
    assert open_model(left, 1).probabilistic == open_model(given, 1).probabilistic


def test_the_same_step_gives_the_same_model(laboratory: Laboratory, compressed: tuple[str, Path, Path]) -> None:
    name, given, left = compressed
    (again,) = laboratory.compress(given, {"method": name})
    assert read_json(again / "result.json")["weights_hash"] == read_json(left / "result.json")["weights_hash"]
