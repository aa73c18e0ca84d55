"""Each loss against NumPy written from its equation, in float64."""

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch.nn import functional

from pipeline.data.spec import Facts
from pipeline.tasks import _losses, classification, regression
from pipeline.training import network as networks
from pipeline.training.recipe import Gradient
from pipeline.training.spec import Architecture

Y = np.array([0, 2, 1, 2, 0])
WEIGHT = np.array([0.5, 1.0, 2.0])
SCORES = np.random.default_rng(0).normal(size=(5, 3))
VALUES, NUMBERS = SCORES[:, :1], np.array([0.3, -2.0, 1.0, 0.0, 4.0])


def sigmoid(z: float) -> float:
    return 1 / (1 + np.exp(-z))


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum()


# An item's loss, of its K scores and its label.
OF_CLASSES: dict[str, Callable[[np.ndarray, int], float]] = {
    "cross_entropy": lambda z, y: -np.log(softmax(z)[y]),
    "binary_cross_entropy": lambda z, y: (
        -sum(np.log(sigmoid(v) if k == y else 1 - sigmoid(v)) for k, v in enumerate(z))
    ),
    "squared": lambda z, y: sum((v - (k == y)) ** 2 for k, v in enumerate(z)) / len(z),
    "hinge": lambda z, y: max(0.0, max(1 + v - z[y] for k, v in enumerate(z) if k != y)),
    "margin": lambda z, y: sum(
        max(0, 0.9 - sigmoid(v)) ** 2 if k == y else 0.5 * max(0, sigmoid(v) - 0.1) ** 2 for k, v in enumerate(z)
    ),
    "focal": lambda z, y: -((1 - softmax(z)[y]) ** 1.5) * np.log(softmax(z)[y]),
}
OF_NUMBERS: dict[str, Callable[[float, float], float]] = {
    "squared": lambda v, y: (v - y) ** 2,
    "huber": lambda v, y: 0.5 * (v - y) ** 2 if abs(v - y) <= 0.7 else 0.7 * (abs(v - y) - 0.35),
}


def chosen(name: Any, task: Any = classification) -> Any:
    return task.TASK.loss_of(Gradient(kind="gradient", loss=name, focal_gamma=1.5, huber_delta=0.7))


def test_every_name_of_a_recipe_has_its_targets_and_its_equation_here() -> None:
    names = set(get_args(Gradient.model_fields["loss"].annotation)) - {"default"}
    assert names == set(OF_CLASSES) | set(OF_NUMBERS)
    assert set(classification.LOSSES) == set(OF_CLASSES) and set(regression.LOSSES) == set(OF_NUMBERS)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", OF_CLASSES)
def test_a_loss_of_classes_is_its_equation(name: str, weight: np.ndarray | None) -> None:
    scores = torch.tensor(SCORES, requires_grad=True)
    y, given = torch.from_numpy(Y), None if weight is None else torch.from_numpy(weight)
    by_item = [OF_CLASSES[name](z, label) for z, label in zip(SCORES, Y, strict=True)]
    expected = np.average(by_item, weights=None if weight is None else weight[Y])
    assert chosen(name)(scores, y, given, 0.0).item() == pytest.approx(expected, rel=1e-12)
    assert torch.autograd.gradcheck(lambda z: chosen(name)(z, y, given, 0.0), scores)


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_a_loss_of_numbers_is_its_equation(name: str) -> None:
    values, y = torch.tensor(VALUES, requires_grad=True), torch.from_numpy(NUMBERS)
    expected = np.mean([OF_NUMBERS[name](v, target) for v, target in zip(VALUES[:, 0], NUMBERS, strict=True)])
    assert chosen(name, regression)(values, y).item() == pytest.approx(expected, rel=1e-12)
    assert torch.autograd.gradcheck(lambda v: chosen(name, regression)(v, y), values)


def test_by_default_it_is_the_task_s_own() -> None:
    assert chosen("default") == classification.TASK.loss and chosen("default", regression) == regression.TASK.loss


@pytest.mark.parametrize("name", ["default", *OF_CLASSES])
def test_a_network_says_whether_its_softmax_was_trained_as_probabilities(name: Any) -> None:
    recipe = Gradient(kind="gradient", loss=name)
    spec = Architecture(model="models/mlp", args={}, view="none", recipe=recipe)
    facts = Facts(kind="tabular", shape=[4], classes=list("abc"), outputs=3)
    network = networks.build(spec, facts, (np.zeros(4, np.float32), np.ones(4, np.float32)))
    assert network.probabilistic is (name in ("default", "cross_entropy", "focal"))


def test_label_smoothing_spreads_a_share_over_all_classes() -> None:
    target = 0.9 * np.eye(3)[Y] + 0.1 / 3
    expected = -np.mean([(t * np.log(softmax(z))).sum() for z, t in zip(SCORES, target, strict=True)])
    found = chosen("cross_entropy")(torch.from_numpy(SCORES), torch.from_numpy(Y), None, 0.1)
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_margin_is_equation_4_of_lengths() -> None:
    lengths, y = torch.tensor([[0.95, 0.3, 0.05], [0.2, 0.6, 0.1]]), torch.tensor([0, 1])
    torch.testing.assert_close(_losses.margin(lengths, y), torch.tensor([0.5 * 0.2**2, 0.3**2 + 0.5 * 0.1**2]))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_a_focal_loss_has_a_finite_slope_where_an_item_is_right_already(gamma: float) -> None:
    logits = torch.tensor([[200.0, 0.0], [0.0, 200.0]], requires_grad=True)
    _losses.focal(logits, torch.tensor([0, 0]), gamma).sum().backward()
    assert logits.grad is not None and logits.grad.isfinite().all()
    z = torch.from_numpy(SCORES)
    y = torch.from_numpy(Y)
    torch.testing.assert_close(_losses.focal(z, y, 0.0), functional.cross_entropy(z, y, reduction="none"))


@pytest.mark.parametrize("name", OF_CLASSES)
def test_half_the_bits_are_summed_in_single_precision(name: str) -> None:
    loss = chosen(name)(torch.from_numpy(SCORES).bfloat16(), torch.from_numpy(Y))
    exact = chosen(name)(torch.from_numpy(SCORES).bfloat16().float(), torch.from_numpy(Y))
    assert loss.item() == pytest.approx(exact.item(), rel=5e-3 if name == "cross_entropy" else 1e-6)
