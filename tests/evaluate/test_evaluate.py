"""Evaluate cells against scikit-learn and counts by hand."""

import numpy as np
import pytest
import skops.io
from scipy.special import softmax
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score
from sklearn.svm import SVC

from pipeline.cells.cell import CellError
from pipeline.classical._fit import load_estimator
from pipeline.data.dataset import Dataset
from pipeline.evaluate.evaluators import quality
from pipeline.evaluate.evaluators.calibration import expected_calibration_error
from pipeline.evaluate.evaluators.quality import area_under_roc
from pipeline.evaluate.subject import Subject
from pipeline.formats.model import open_model
from pipeline.tasks.classification import TASK
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
    areas = roc_auc_score(y, probabilities, multi_class="ovr", average="macro")
    assert values["test", "auroc"] == pytest.approx(areas) and ("validation", "auroc") in values
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


def test_area_under_roc_by_hand() -> None:
    """The share of pairs of an item and a non-item that are in order, a tie for half of one; mean over classes."""
    y = np.array([0, 0, 1, 1, 1])
    second = np.array([0.1, 0.4, 0.4, 0.3, 0.9])  # of six pairs four are in order, and one is a tie
    assert area_under_roc(np.stack([-second, second], axis=1), y) == pytest.approx(4.5 / 6)
    first, none = np.array([3.0, 1.0, 2.0, 0.0, 0.0]), np.zeros(5)  # five of six; of a class that is not there
    assert area_under_roc(np.stack([first, second, none], axis=1), y) == pytest.approx((5 + 4.5) / 12)
    assert area_under_roc(np.ones((2, 3)), np.array([1, 1])) is None


def test_a_model_is_ranked_by_its_probabilities_or_else_by_its_scores() -> None:
    """Logits of an item share a constant that says nothing of it; decision values don't."""
    y = np.array([0, 1, 2, 0, 1, 2])
    scores = np.eye(3, dtype=np.float32)[y] + np.float32([[9], [0], [3], [0], [5], [1]])
    data = Dataset({"test": scores}, {"test": y}, {"classes": ["a", "b", "c"]})
    for probabilistic, ranked in ((True, softmax(scores, axis=1)), (False, scores)):
        found = {m: v for _, m, v in quality.run(Subject(TASK, data, {"test": scores}, probabilistic))}
        peer = np.mean([roc_auc_score(y == k, ranked[:, k]) for k in range(3)])
        assert found["auroc"] == pytest.approx(peer)
        assert (found["auroc"] == 1) is probabilistic
