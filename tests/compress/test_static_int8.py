"""Static int8: smaller, close to the network, for any batch, and blind to validation and test."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from pipeline.cells.cell import read_json
from pipeline.data import dataset
from pipeline.formats.model import open_model
from tests.laboratory import Laboratory

BUDGET = {"samples": None, "validation": None, "epochs": 4}
EXPORT = {"method": "onnx"}
STEP = {"method": "static_int8", "calibration_samples": 128}


@pytest.fixture(scope="module")
def model(laboratory: Laboratory) -> Path:
    return laboratory.train("digits_cnn", budget=BUDGET)


@pytest.fixture(scope="module")
def exported(laboratory: Laboratory, model: Path) -> Path:
    return laboratory.compress(model, EXPORT)[0]


@pytest.fixture(scope="module")
def compressed(laboratory: Laboratory, exported: Path) -> Path:
    return laboratory.compress(exported, STEP)[0]


def test_the_float_export_is_the_network(laboratory: Laboratory, model: Path, exported: Path) -> None:
    x = np.load(laboratory.data("digits") / "x_test.npy")
    for count in (1, 7, len(x)):
        found, expected = (open_model(folder, 1).scores(x[:count]) for folder in (exported, model))
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_int8_is_a_third_of_the_bytes_and_as_good(laboratory: Laboratory, exported: Path, compressed: Path) -> None:
    result = laboratory.evaluate(compressed, exported)
    values = {(s, m): v for s, m, v in result["values"]}
    assert values["", "bytes"] < 0.4 * values["", "onnx_float32_bytes"]
    assert values["test", "accuracy"] > values["test", "onnx_float32_accuracy"] - 0.02
    costs = result["costs"]
    assert costs["latency_ms"] > 0 and costs["onnx_float32_latency_ms"] > 0


def test_weights_are_int8_and_the_scaling_of_raw_values_is_not(compressed: Path) -> None:
    tensors = {t.name: t for t in onnx.load(compressed / "model.onnx").graph.initializer}
    kinds = {name: t.data_type for name, t in tensors.items() if len(t.dims) >= 2 and np.prod(t.dims) > 1}
    assert len(kinds) == 3 and set(kinds.values()) == {onnx.TensorProto.INT8}
    scaling = [t.data_type for t in tensors.values() if list(t.dims) == [1, 1, 1]]
    assert scaling == [onnx.TensorProto.FLOAT] * 2


def test_no_sum_of_two_products_saturates_in_the_16_bits_of_processors_without_vnni(compressed: Path) -> None:
    tensors = [numpy_helper.to_array(t) for t in onnx.load(compressed / "model.onnx").graph.initializer]
    largest = [int(np.abs(t.astype(int)).max()) for t in tensors if t.dtype == np.int8 and t.ndim > 1]
    assert len(largest) == 3 and 2 * 255 * max(largest) <= np.iinfo(np.int16).max


def test_only_training_items_are_looked_at(
    laboratory: Laboratory, exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[tuple[str, ...]] = []
    load = dataset.load
    monkeypatch.setattr(dataset, "load", lambda f, b, s, splits: loaded.append(splits) or load(f, b, s, splits))
    laboratory.compress(exported, STEP)
    assert loaded == [("train",)]


def test_a_failed_parent_fails_the_variant(laboratory: Laboratory) -> None:
    failed = laboratory.train("digits_mlp", optimizer="sgd", lr=1e30, schedule="constant")
    assert [read_json(f / "result.json")["status"] for f in laboratory.compress(failed, EXPORT, STEP)] == ["failed"] * 2


def test_what_is_quantized_is_not_quantized_again(laboratory: Laboratory, compressed: Path) -> None:
    result = read_json(laboratory.compress(compressed, STEP)[0] / "result.json")
    assert result["status"] == "failed" and "quantized already" in result["reason"]


@pytest.mark.slow
def test_lengths_of_capsules_stay_no_probabilities(laboratory: Laboratory) -> None:
    args, budget = {"filters": 8, "capsules": 2}, {"samples": 200, "validation": 100, "epochs": 1}
    trained = laboratory.train("fmnist_capsnet_small", args=args, budget=budget)
    exported, compressed = laboratory.compress(trained, EXPORT, STEP)
    values = {m for _, m, _ in laboratory.evaluate(compressed, exported)["values"]}
    assert {"accuracy", "onnx_float32_accuracy"} <= values and not {m for m in values if "nll" in m or "ece" in m}
