"""Every task keeps its contract: constants that are read without import, and an object that answers for the rest."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from pipeline import introspection
from pipeline.data.raw import DataError
from pipeline.tasks._task import Task, find
from pipeline.training.recipe import Gradient

TASKS = introspection.names("tasks")
# Labels as a source has them, by TARGET.
LABELS: dict[str, np.ndarray] = {
    "class": np.array(["cat", "dog", "ant", "dog", "cat", "dog", "ant", "cat", "ant", "dog"]),
    "tags": np.fromiter([("cat", "dog"), ("ant",), ("dog", "cat", "dog"), ("ant", "cat"), ("ant", "dog")], object),
    "number": np.array([0.5, -2.0, 3.25, 4.0, 0.0, 1.5, -1.0, 2.0, 7.5, 3.0]),
}
WORDS = {"tags", "sentence"}  # several answers an item: TARGETs of tasks with suites of their own
each = pytest.mark.parametrize(
    "name", [n for n in TASKS if introspection.constant(f"tasks/{n}", "TARGET") not in WORDS]
)


def sample(name: str) -> tuple[Task, np.ndarray, np.ndarray]:
    """The task, ten targets as they are fitted, and float32 scores for them."""
    task = find(name)
    y, classes = task.encode(LABELS[task.target], None)
    if y.dtype == object:
        y = np.concatenate(y)
    if scale := task.scale(y):
        y = ((y - scale[0]) / scale[1]).astype(np.float32)
    scores = np.random.default_rng(0).normal(size=(len(y), task.outputs(classes))).astype(np.float32)
    return task, y, scores


@pytest.mark.parametrize("name", TASKS)
def test_its_constants_are_literals_and_those_of_its_object(name: str) -> None:
    said: dict[str, Any] = {
        constant: introspection.constant(f"tasks/{name}", constant)
        for constant in ("TARGET", "METRIC", "DIRECTION", "PERCENT", "MARGIN", "LOSSES")
    }
    task = find(name)
    assert [said[k] for k in ("TARGET", "METRIC", "DIRECTION", "PERCENT")] == [
        task.target,
        task.metric,
        task.direction,
        task.percent,
    ]
    assert said["DIRECTION"] in ("maximize", "minimize") and said["MARGIN"] > 0 and type(said["PERCENT"]) is bool
    assert set(said["LOSSES"]) == set(task.losses(Gradient(kind="gradient")))
    assert said["TARGET"] in {*LABELS, *WORDS}, "give the suite labels of this kind"


@each
def test_targets_keep_their_number_and_what_is_impossible_is_refused(name: str) -> None:
    task = find(name)
    y, classes = task.encode(LABELS[task.target], None)
    assert y.shape == LABELS[task.target].shape and task.outputs(classes) >= 1
    if task.target == "tags":
        assert [len(tags) for tags in y] == [2, 1, 3, 2, 2] and sum(task.counts(y, classes)) == 10
        with pytest.raises(DataError, match="tag 'cat' is none of the classes ant, dog"):
            task.encode(LABELS["tags"], ["ant", "dog"])
        return
    assert y.dtype in (np.int64, np.float32) and sum(task.counts(y, classes)) == len(y)
    with pytest.raises(DataError, match="1 of 10"):
        task.encode(np.array([1.0] * 9 + [np.nan]), None)


@each
@pytest.mark.parametrize("cuts", [[10], [3, 7], [1] * 10, [0, 4, 0, 6]])
def test_states_of_batches_and_processes_add_up_to_the_metric_of_the_whole(name: str, cuts: list[int]) -> None:
    task, y, scores = sample(name)
    parts = zip(torch.from_numpy(scores).split(cuts), torch.from_numpy(y).split(cuts), strict=True)
    states = [task.state(*part).double() for part in parts]
    assert all(state.shape == (task.states,) for state in states)
    value = task.value(torch.stack(states).sum(0).tolist(), torch.from_numpy(y))
    assert value == pytest.approx(dict(task.quality(scores, y))[task.metric], rel=1e-6)


@each
def test_its_losses_are_finite_and_give_every_score_a_gradient(name: str) -> None:
    task, y, values = sample(name)
    for loss in ("default", *introspection.constant(f"tasks/{name}", "LOSSES")):
        scores = torch.from_numpy(values).requires_grad_()
        found = task.loss_of(Gradient(kind="gradient", loss=loss))(scores, torch.from_numpy(y))
        found.backward()
        assert found.shape == () and found.isfinite() and scores.grad is not None
        assert scores.grad.isfinite().all() and (scores.grad.abs().sum(1) > 0).any(), loss


@each
def test_a_fitted_loss_gives_decisions_that_the_metric_prefers(name: str) -> None:
    """Scores that follow the loss's gradient get better by the task's own metric, in its own direction."""
    task, y, values = sample(name)
    scores, targets = torch.from_numpy(values.copy()).requires_grad_(), torch.from_numpy(y)
    for _ in range(300):
        (slope,) = torch.autograd.grad(task.loss(scores, targets), scores)
        with torch.no_grad():
            scores -= 3.0 * slope
    fitted = scores.detach().numpy()
    sign = 1 if task.direction == "maximize" else -1
    before, after = (dict(task.quality(found, y))[task.metric] for found in (values, fitted))
    assert sign * after > sign * before
    assert task.decide(fitted).shape == y.shape and np.abs(task.decide(fitted) - y).max() < 0.1


@each
def test_what_is_told_of_it(name: str) -> None:
    task, y, scores = sample(name)
    found = dict(task.quality(scores, y))
    assert task.metric in found and all(math.isfinite(value) for value in found.values())
    assert task.format(0.5) == ("50.00 %" if task.percent else "0.5000")
    confusion = task.confusion(scores, y)
    if confusion is not None:
        assert np.sum(confusion) == len(y) and np.sum(confusion, axis=1).tolist() == np.bincount(y).tolist()
        np.testing.assert_allclose(task.probabilities(scores).sum(1), 1.0)
    else:
        with pytest.raises(ValueError, match="no probabilities"):
            task.probabilities(scores)
