"""A compiled step gives the gradients of plain calls, in the order in memory that a fused optimizer reads."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.models import lstm
from pipeline.training import compiled


def objective_of(network: nn.Module) -> compiled.Objective:
    def objective(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        scores = network(x)
        loss = functional.cross_entropy(scores, y)
        return 2 * loss, loss, scores

    return objective


def convolutional() -> nn.Module:
    layers = [nn.Conv2d(1, 4, 3, stride=3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 10))


@pytest.mark.slow
def test_compiled_gradients_are_those_of_plain_calls() -> None:
    """Of batches of both sizes that a run has, with weights in another order than gradients are computed in."""
    networks = []
    for _ in range(2):
        torch.manual_seed(0)
        networks.append(convolutional().train().to(memory_format=torch.channels_last))
    plain, fused = (compiled.gradients(objective_of(n), c) for n, c in zip(networks, (False, True), strict=True))
    for count in (8, 3):
        x, y = torch.randn(count, 1, 28, 28), torch.arange(count)
        for network in networks:
            network.zero_grad()
        torch.testing.assert_close(fused(x, y), plain(x, y), atol=1e-5, rtol=1e-5)
        for ours, theirs in zip(networks[1].parameters(), networks[0].parameters(), strict=True):
            assert ours.grad is not None and ours.grad.stride() == ours.stride()
            torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5, rtol=1e-4)
    states = [list(network.state_dict().values()) for network in networks]
    torch.testing.assert_close(*states, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_a_network_that_torch_cannot_look_into_gets_its_gradients_too() -> None:
    torch.manual_seed(0)
    network = lstm.build((6, 3), 10)
    plain, fused = (compiled.gradients(objective_of(network), c) for c in (False, True))
    x, y = torch.randn(4, 6, 3), torch.arange(4)
    found = []
    for gradients in (plain, fused, fused):
        network.zero_grad()
        gradients(x, y)
        found.append([p.grad for p in network.parameters()])
    assert all(gradient is not None for gradient in found[0])
    torch.testing.assert_close(found[1], found[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found[2], found[0], atol=1e-5, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("compile", [False, True])
def test_a_given_backward_is_what_makes_the_gradients(compile: bool) -> None:
    network = nn.Linear(3, 2)
    seen: list[float] = []

    def backward(minimised: Tensor) -> None:
        seen.append(minimised.item())
        minimised.backward()

    gradients = compiled.gradients(objective_of(network), compile, backward)
    loss, _ = gradients(torch.randn(4, 3), torch.tensor([0, 1, 1, 0]))
    assert seen == [pytest.approx(2 * loss.item())] and network.weight.grad is not None
