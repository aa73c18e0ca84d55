"""What every format has to do. Whatever lies in pipeline/formats with a FILE is under test."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.cells.cell import CellError, read_json
from pipeline.classical import _fit
from pipeline.formats import files, model
from pipeline.training import network
from tests.laboratory import Laboratory

WHOLE = {"samples": None, "validation": None, "epochs": 1}
LIBRARIES = {"safetensors": "safetensors", "onnx": "onnxruntime", "skops": "skops"}


@pytest.fixture(scope="module")
def kept(laboratory: Laboratory) -> dict[str, Path]:
    """A finished cell for each format."""
    trained = laboratory.train("digits_mlp")
    (exported,) = laboratory.compress(trained, {"method": "onnx"})
    return {"safetensors": trained, "onnx": exported, "skops": laboratory.train("digits_svm", budget=WHOLE)}


def test_names_of_files_are_those_that_training_writes() -> None:
    assert files.known() == {"safetensors": network.WEIGHTS, "skops": _fit.MODEL, "onnx": "model.onnx"}


@pytest.mark.parametrize("name", files.known())
def test_what_is_kept_opens_and_answers(laboratory: Laboratory, kept: dict[str, Path], name: str) -> None:
    folder, x = kept[name], np.load(laboratory.data("digits") / "x_test.npy")
    assert files.format_of(folder) == name and files.is_whole(name) in (True, False)
    opened = model.open_model(folder, 1)
    scores = opened.scores(x)
    assert scores.shape == (len(x), 10) and scores.dtype == np.float32 and np.isfinite(scores).all()
    np.testing.assert_allclose(opened.scores(x[:3]), scores[:3], atol=1e-4)
    assert opened.file.is_file() and opened.probabilistic in (True, False)
    assert all(count is None or count > 0 for count in (opened.parameters(), opened.flops(x[:1])))
    assert model.weights_hash(folder) == read_json(folder / "result.json")["weights_hash"]


@pytest.mark.slow
@pytest.mark.parametrize("name", files.known())
def test_opening_imports_no_library_of_another_format(name: str) -> None:
    code = f"import sys, pipeline.formats.{name}; print(*({set(LIBRARIES.values())} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {LIBRARIES[name]}


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(CellError, match=r"no model is kept there \(looked for .*model.onnx"):
        model.open_model(tmp_path, 1)


def test_a_format_is_found_by_its_file_alone(kept: dict[str, Path], tmp_path: Path) -> None:
    for name, folder in kept.items():
        (tmp_path / name).mkdir()
        shutil.copy(folder / importlib.import_module(f"pipeline.formats.{name}").FILE, tmp_path / name)
        assert files.format_of(tmp_path / name) == name
