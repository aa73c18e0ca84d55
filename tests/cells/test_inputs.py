"""What a cell reads is what its inputs' markers say, or it is refused before anything is computed from it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.cells import fingerprint, store
from pipeline.cells.cell import MARKER, CellError, parsed, read_json, write_json
from pipeline.data import fetch
from pipeline.data.spec import Fetch, Setting
from pipeline.evaluate import evaluate
from pipeline.evaluate.spec import Evaluate
from tests import helpers
from tests.laboratory import Laboratory

ROW: dict[str, Any] = {"budget": {"samples": 60, "validation": 50, "epochs": 2}, "args": {"hidden": [8]}}
pytestmark = pytest.mark.slow


@pytest.fixture
def model(laboratory: Laboratory, tmp_path: Path) -> Path:
    return laboratory.train("digits_mlp", folder=tmp_path / "model", **ROW)


@pytest.fixture
def own(laboratory: Laboratory, tmp_path: Path) -> Laboratory:
    """A laboratory with data of its own, which may be damaged."""
    shutil.copytree(laboratory.data("digits"), tmp_path / "shared" / "prepared" / "digits")
    mine = Laboratory(tmp_path / "cells", tmp_path / "shared")
    mine.plan = laboratory.plan
    return mine


Read = Callable[[Laboratory, Path], Any]
CASES: dict[str, tuple[str, Read]] = {
    "weights": ("model/weights.safetensors", lambda own, model: own.predict(model)),
    "result of a model": ("model/result.json", lambda own, model: own.predict(model)),
    "start weights": (
        "model/weights.safetensors",
        lambda own, model: own.train("digits_mlp", start={"weights": model}, **ROW),
    ),
    "training images": (
        "shared/prepared/digits/x_train.npy",
        lambda own, model: own.train("digits_mlp", **ROW),
    ),
    "labels": ("shared/prepared/digits/y_test.npy", lambda own, model: own.predict(model)),
    "facts of the data": ("shared/prepared/digits/meta.json", lambda own, model: own.train("digits_svm")),
}


@pytest.mark.parametrize("case", CASES)
def test_a_damaged_input_is_refused_by_name(own: Laboratory, model: Path, tmp_path: Path, case: str) -> None:
    name, read = CASES[case]
    read(own, model)  # what was sound is remembered as long as nobody touches it
    helpers.flip(tmp_path / name)
    with pytest.raises(CellError) as caught:
        read(own, model)
    said = f"{tmp_path / name}: content changed after completion; delete the folder to make it again"
    assert str(caught.value) == said
    assert not (own.root / f"cell{own.count}" / MARKER).exists()


def test_damaged_predictions_give_no_values(laboratory: Laboratory, model: Path, tmp_path: Path) -> None:
    predictions = shutil.copytree(laboratory.predict(model), tmp_path / "predictions")
    asked = dict(parsed(Setting, read_json(model / "spec.json")))
    spec = Evaluate(**asked, evaluator="quality", options={}).model_dump(mode="json") | {"kind": "evaluate"}
    inputs = {"model": model, "data": laboratory.data("digits"), "predictions": predictions}
    helpers.flip(predictions / "predictions.npz")
    with pytest.raises(CellError, match="predictions.npz: content changed after completion; delete the folder"):
        store.execute("0" * 32, tmp_path / "made", evaluate.__name__, spec, {n: str(p) for n, p in inputs.items()})
    assert not (tmp_path / "made" / MARKER).exists()


def test_a_damaged_record_in_a_marker_is_refused(laboratory: Laboratory, model: Path, tmp_path: Path) -> None:
    predictions = shutil.copytree(laboratory.predict(model), tmp_path / "predictions")
    marker = read_json(predictions / MARKER)
    marker["records"]["result.json"]["probabilistic"] = {}
    (predictions / MARKER).unlink()
    write_json(predictions / MARKER, marker)
    with pytest.raises(CellError, match=f"{MARKER}: result.json in it changed; delete the folder to make it again"):
        store.require_sound(predictions)


def test_weights_of_a_card_are_looked_at_too(tmp_path: Path) -> None:
    """Of a fetched source that is the user's own, the cell has the path alone: its digest is part of the key."""
    (tmp_path / "mine.csv").write_text("1,2\n")
    spec = Fetch(source=str(tmp_path / "mine.csv"), digest="0" * 64, card=False)
    store.execute("0" * 32, tmp_path / "raw", fetch.__name__, spec.model_dump(mode="json"), {})
    store.require_sound(tmp_path / "raw")
    helpers.flip(tmp_path / "raw" / "card.json")
    with pytest.raises(CellError, match="card.json: content changed"):
        store.require_sound(tmp_path / "raw")


def test_a_file_is_read_once_as_long_as_nobody_touches_it(
    model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read: list[str] = []
    of_file = fingerprint.of_file
    monkeypatch.setattr(fingerprint, "of_file", lambda path: (read.append(path.name), of_file(path))[1])
    store.require_sound(model)
    first = sorted(read)
    assert "weights.safetensors" in first and first == sorted(read_json(model / MARKER)["files"])
    store.require_sound(model)
    assert sorted(read) == first
    (tmp_path / "link").hardlink_to(model / "weights.safetensors")  # as an output shows it
    store.require_sound(model)
    assert read[len(first) :] == ["weights.safetensors"]
