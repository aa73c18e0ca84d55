"""Evaluate cells against scikit-learn and counts by hand."""

import numpy as np
import pytest
import skops.io
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.svm import SVC

from pipeline.cells.cell import CellError
from pipeline.classical._fit import load_estimator
from pipeline.evaluate.evaluators.calibration import expected_calibration_error
from pipeline.formats.model import open_model
from tests.laboratory import Laboratory


def test_values_of_a_network_are_scikit_learn_s(laboratory: Laboratory) -> None:
    model = laboratory.train("digits_cnn")
    result = laboratory.evaluate(model)
    values = {(split, metric): value for split, metric, value in result["values"]}
    x, y = (np.load(laboratory.data("digits") / f"{a}_test.npy") for a in "xy")
    scores = open_model(model, 1).scores(x)
    odds = np.exp(scores.astype(np.float64))
    probabilities = odds / odds.sum(axis=1, keepdims=True)
    assert values["test", "accuracy"] == accuracy_score(y, scores.argmax(axis=1))
    assert values["test", "macro_f1"] == pytest.approx(f1_score(y, scores.argmax(axis=1), average="macro"))
    assert values["test", "nll"] == pytest.approx(log_loss(y, probabilities), rel=1e-6)
    assert np.trace(result["confusion"]) / len(y) == values["test", "accuracy"]
    # A 3 x 3 convolution to 32 maps of 6 x 6, 288 to 100, 100 to 10, two operations a multiply-add.
    assert values["", "flops"] == 2 * (36 * 32 * 9 + 288 * 100 + 100 * 10)
    assert values["", "bytes"] == (model / "weights.safetensors").stat().st_size


def test_the_svm_is_scikit_learn_s(laboratory: Laboratory) -> None:
    model = laboratory.train("digits_svm", budget={"samples": None, "validation": None, "epochs": 1})
    values = {(s, m): v for s, m, v in laboratory.evaluate(model)["values"]}
    arrays = {n: np.load(laboratory.data("digits") / f"{n}.npy") for n in ("x_train", "y_train", "x_test", "y_test")}
    top = arrays["x_train"].max()
    flat = {n: arrays[n].reshape(len(arrays[n]), -1).astype(np.float32) / top for n in ("x_train", "x_test")}
    peer = SVC(C=10.0).fit(flat["x_train"], arrays["y_train"])
    assert values["test", "accuracy"] == pytest.approx(peer.score(flat["x_test"], arrays["y_test"]), abs=2e-3)
    assert ("test", "nll") not in values  # decision values are no probabilities


def test_two_classes_get_two_scores(laboratory: Laboratory) -> None:
    budget = {"samples": None, "validation": None, "epochs": 1}
    model = laboratory.train("iris_binary_svm", budget=budget)
    x = np.load(laboratory.data("iris_binary") / "x_test.npy")
    scores = open_model(model, 1).scores(x)
    assert scores.shape == (len(x), 2)
    np.testing.assert_array_equal(scores[:, 0], -scores[:, 1])


def test_calibration_error_by_hand() -> None:
    """Four items said with 0.9, three of them right; six with 0.6, all right: 0.4 * 0.15 + 0.6 * 0.4."""
    top = np.array([0.9] * 4 + [0.6] * 6)
    y = np.array([0, 0, 0, 1] + [0] * 6)
    assert expected_calibration_error(np.stack([top, 1 - top], axis=1), y, 15) == pytest.approx(0.3)


def test_a_failed_model_has_no_values(laboratory: Laboratory) -> None:
    model = laboratory.train("digits_mlp", optimizer="sgd", lr=1e30, schedule="constant")
    result = laboratory.evaluate(model)
    assert result["status"] == "failed" and result["reason"].startswith("loss is")
    assert result["values"] == []


def test_a_model_file_with_untrusted_types_is_refused(laboratory: Laboratory, tmp_path: pytest.TempPathFactory) -> None:
    model = laboratory.train("iris_svm", budget={"samples": None, "validation": None, "epochs": 1}, seed=7)
    estimator, _ = load_estimator(model)
    estimator.extra = Foreign()
    skops.io.dump(estimator, model / "model.skops")
    with pytest.raises(CellError, match="does not trust.*Foreign"):
        load_estimator(model)


class Foreign:
    """A type that no model file of this project has business with."""
