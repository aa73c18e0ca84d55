"""Averages of weights against means by hand over the weights that a training passed through."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.models import mlp
from pipeline.training import optimizers
from pipeline.training.averaging import Average
from pipeline.training.recipe import Gradient

EPOCHS, PER_EPOCH = 6, 5
UPDATES = EPOCHS * PER_EPOCH


def recipe(**changed: Any) -> Gradient:
    return Gradient(kind="gradient", optimizer="sgd", lr=0.1, weight_decay=0.0, **changed)


def body() -> nn.Module:
    torch.manual_seed(0)
    return mlp.build((4,), 3, hidden=[8], batch_norm=True)


def batch(step: int) -> Tensor:
    return torch.randn(12, 4, generator=torch.Generator().manual_seed(step))


def trained(network: nn.Module, average: Average, first: int = 1, last: int = UPDATES) -> list[dict[str, np.ndarray]]:
    """What the network's state was after each step."""
    optimizer, history = optimizers.optimizer(network, recipe()), []
    for step in range(first, last + 1):
        optimizer.zero_grad()
        functional.cross_entropy(network(batch(step)), torch.arange(12) % 3).backward()
        optimizer.step()
        average.update(network, step)
        history.append({k: v.double().numpy().copy() for k, v in network.state_dict().items()})
    return history


def close(average: Average, network: nn.Module, expected: dict[str, np.ndarray], *names: str) -> None:
    found = average.of(network).state_dict()
    for name in names:
        np.testing.assert_allclose(found[name].double().numpy(), expected[name], atol=1e-6)


@pytest.mark.parametrize("decay", [0.5, 0.999])
def test_ema_is_the_exponential_mean_of_weights_and_statistics(decay: float) -> None:
    network = body()
    average = Average(network, recipe(ema=decay), UPDATES, PER_EPOCH)
    history = trained(network, average)
    names = [n for n in history[0] if n != "1.num_batches_tracked"]
    expected = dict(history[0])
    for t, state in enumerate(history[1:], 1):
        rate = min(decay, (1 + t) / (10 + t))
        expected = {n: rate * expected[n] + (1 - rate) * state[n] for n in names}
    close(average, network, expected, *names)
    assert not average.of(network).training and network.training


@pytest.mark.parametrize(
    ("share", "epochs"), [(0.5, [3, 4, 5, 6]), (0.4, [4, 5, 6]), (0.05, [6]), (0.9, [1, 2, 3, 4, 5, 6])]
)
def test_swa_is_the_mean_of_the_weights_at_the_ends_of_epochs(share: float, epochs: list[int]) -> None:
    network = body()
    average = Average(network, recipe(swa=share), UPDATES, PER_EPOCH)
    history = trained(network, average)
    ends = [history[e * PER_EPOCH - 1] for e in epochs]
    names = ["0.weight", "0.bias", "1.weight", "3.weight"]
    close(average, network, {n: np.mean([end[n] for end in ends], axis=0) for n in names}, *names)


def test_before_its_share_of_the_run_there_is_no_average() -> None:
    network = body()
    average = Average(network, recipe(swa=0.5), UPDATES, PER_EPOCH)
    trained(network, average, last=UPDATES // 2 - 1)
    assert average.of(network) is network


def test_statistics_of_averaged_weights_are_computed_by_a_pass_over_the_data() -> None:
    network = body()
    average = Average(network, recipe(swa=0.5), UPDATES, PER_EPOCH)
    trained(network, average)
    inputs = [batch(step) for step in range(7)]
    average.refresh(inputs)
    averaged = average.of(network)
    with torch.no_grad():
        hidden = [averaged[0](x) for x in inputs]  # type: ignore[index]
    norm: Any = averaged[1]  # type: ignore[index]
    torch.testing.assert_close(norm.running_mean, torch.stack([h.mean(0) for h in hidden]).mean(0))
    torch.testing.assert_close(norm.running_var, torch.stack([h.var(0) for h in hidden]).mean(0))
    assert not averaged.training and norm.momentum == 0.1


@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_a_run_that_is_resumed_has_the_same_average(kind: str) -> None:
    network = body()
    average = Average(network, recipe(**{kind: 0.6}), UPDATES, PER_EPOCH)
    trained(network, average, last=22)
    file = io.BytesIO()
    torch.save([network.state_dict(), average.state_dict()], file)
    trained(network, average, first=23)
    file.seek(0)
    weights, state = torch.load(file, weights_only=True)
    other = body()
    resumed = Average(other, recipe(**{kind: 0.6}), UPDATES, PER_EPOCH)
    other.load_state_dict(weights)
    resumed.load_state_dict(state)
    trained(other, resumed, first=23)
    whole, found = average.of(network).state_dict(), resumed.of(other).state_dict()
    assert all(torch.equal(whole[name], found[name]) for name in whole)
