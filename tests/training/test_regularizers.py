"""Penalties, projections and clipping against what they promise, in a training of a few steps."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.data.spec import Vocabulary
from pipeline.models import gru, mlp, transformer_encoder
from pipeline.training import optimizers
from pipeline.training.recipe import Gradient
from pipeline.training.regularizers import Regularizer, clip


def recipe(**changed: Any) -> Gradient:
    return Gradient(kind="gradient", **{"optimizer": "sgd", "lr": 0.1, "weight_decay": 0.0, **changed})


def trained(network: nn.Module, chosen: Gradient, x: Tensor, steps: int = 20) -> list[list[Tensor]]:
    """The network's parameters after each step."""
    regularizer, optimizer = Regularizer(network, chosen), optimizers.optimizer(network, chosen)
    history = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss, penalty = functional.cross_entropy(network(x), torch.arange(len(x)) % 3), regularizer.penalty()
        (loss if penalty is None else loss + penalty).backward()
        optimizer.step()
        regularizer.project(chosen.lr)
        history.append([p.detach().clone() for p in network.parameters()])
    return history


def perceptron() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    return mlp.build((6,), 3, hidden=[32], batch_norm=True), torch.randn(24, 6)


def test_the_penalty_is_of_weights_alone_and_none_where_nothing_is_asked() -> None:
    network, _ = perceptron()
    assert Regularizer(network, recipe()).penalty() is None
    weights = [network.get_parameter("0.weight"), network.get_parameter("3.weight")]
    for chosen, expected in (
        (recipe(l1=0.3), 0.3 * sum(w.abs().sum() for w in weights)),
        (recipe(l2=0.4), 0.2 * sum((w**2).sum() for w in weights)),
        (recipe(l1=0.3, l2=0.4), sum(0.3 * w.abs().sum() + 0.2 * (w**2).sum() for w in weights)),
    ):
        penalty = Regularizer(network, chosen).penalty()
        torch.testing.assert_close(penalty, expected)


def test_l2_moves_weights_as_weight_decay_of_sgd_does() -> None:
    (one, x), (other, _) = perceptron(), perceptron()
    ours, theirs = trained(one, recipe(l2=0.05), x), trained(other, recipe(weight_decay=0.05), x)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_only_a_proximal_step_sets_weights_to_zero(optimizer: str) -> None:
    zeros = {}
    for form in ("penalty", "proximal"):
        network, x = perceptron()
        *_, last = trained(network, recipe(optimizer=optimizer, l1=0.01, l1_form=form), x)
        weights, others = [p for p in last if p.ndim > 1], [p for p in last if p.ndim == 1]
        zeros[form] = sum(int((w == 0).sum()) for w in weights)
        assert any((p != 0).all() for p in others), "biases and gains of norms are no weights"
    assert zeros["penalty"] == 0 < zeros["proximal"]


def test_the_proximal_step_is_soft_thresholding_and_leaves_biases() -> None:
    network = nn.Linear(2, 1)
    network.weight.data, network.bias.data = torch.tensor([[0.5, -0.03]]), torch.tensor([0.03])
    Regularizer(network, recipe(l1=0.5, l1_form="proximal")).project(0.1)
    torch.testing.assert_close(network.weight.data, torch.tensor([[0.45, 0.0]]))
    assert network.bias.item() == pytest.approx(0.03)


def test_every_unit_keeps_the_largest_norm_after_every_step() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))
    torch.manual_seed(0)
    network[0].to(memory_format=torch.channels_last)
    before = [p.detach().clone() for p in network.parameters()]
    history = trained(network, recipe(max_norm=0.4, lr=0.5), torch.randn(12, 1, 4, 4))
    assert max(w.flatten(1).norm(dim=1).max() for w in before if w.ndim > 1) > 0.4
    for parameters in history:
        norms = torch.cat([p.flatten(1).norm(dim=1) for p in parameters if p.ndim > 1])
        assert norms.max() <= 0.4 + 1e-6 and norms.max() > 0.399


@pytest.mark.parametrize(
    ("network", "bounded", "free"),
    [
        (gru.build((4, 6), 3, hidden=8), ["layers.0.ways.0.weight_hh_l0", "head.weight"], ["head.bias"]),
        (
            transformer_encoder.build((4,), 3, Vocabulary(size=9), width=8, heads=2, hidden=8, layers=1),
            ["layers.0.qkv.weight", "head.weight"],
            ["embedding.table.weight", "positions.table", "norm.weight"],
        ),
    ],
    ids=["recurrent", "transformer"],
)
def test_the_largest_norm_is_of_units(network: nn.Module, bounded: list[str], free: list[str]) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    Regularizer(network, recipe(max_norm=0.01)).project(0.1)
    after = network.state_dict()
    assert all((after[name].norm(dim=1) <= 0.01 + 1e-6).all() for name in bounded)
    assert all(torch.equal(before[name], after[name]) for name in free)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [3.0, -4.0]),
        ({"gradient_clip": 2.5}, [1.5, -2.0]),
        ({"gradient_clip_value": 3.5}, [3.0, -3.5]),
        ({"gradient_clip_value": 3.0, "gradient_clip": 1.0}, [0.5**0.5, -(0.5**0.5)]),
    ],
)
def test_gradients_are_clipped_by_value_then_by_norm(asked: dict[str, float], expected: list[float]) -> None:
    parameters = [nn.Parameter(torch.zeros(1)) for _ in range(2)]
    for parameter, value in zip(parameters, (3.0, -4.0), strict=True):
        parameter.grad = torch.tensor([value])
    clip(parameters, recipe(**asked))
    found = [p.grad.item() for p in parameters if p.grad is not None]
    assert found == pytest.approx(expected, rel=1e-5)
