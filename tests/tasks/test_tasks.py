"""Tasks: metrics against scikit-learn's, batch by batch and at once."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, r2_score

from pipeline.tasks.classification import TASK as classification
from pipeline.tasks.regression import TASK as regression


def test_metrics_of_batches_are_those_of_the_whole() -> None:
    torch.manual_seed(0)
    logits, y = torch.randn(50, 4), torch.randint(0, 4, (50,))
    state = sum(classification.state(a, b) for a, b in zip(logits.split(7), y.split(7), strict=True)).tolist()
    assert classification.value(state, y) == accuracy_score(y, logits.argmax(1))
    values, targets = torch.randn(50, 1), torch.randn(50)
    state = sum(regression.state(a, b) for a, b in zip(values.split(7), targets.split(7), strict=True)).tolist()
    assert regression.value(state, targets) == pytest.approx(r2_score(targets, values[:, 0]), rel=1e-6)
    assert dict(regression.quality(values.numpy(), targets.numpy()))["r2"] == pytest.approx(r2_score(targets, values))


def test_what_numbers_can_not_be_asked_is_said() -> None:
    with pytest.raises(ValueError, match="all of 3 targets are equal"):
        regression.value([1.0], torch.ones(3))
    with pytest.raises(ValueError, match="no classes to weigh or smooth"):
        regression.loss(torch.ones(3, 1), torch.ones(3), label_smoothing=0.1)


def test_decisions_are_the_likeliest_class_and_the_number_itself() -> None:
    assert classification.decide(np.array([[0.1, 0.9], [2.0, 1.0]])).tolist() == [1, 0]
    assert regression.decide(np.array([[0.5], [-2.0]])).tolist() == [0.5, -2.0]
