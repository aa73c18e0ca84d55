"""Capsules against NumPy code written from the paper's equations."""

from typing import Any

import numpy as np
import pytest
import torch

from pipeline.models import capsnet
from pipeline.models._capsules import DIMENSIONS, Routing, squash
from pipeline.tasks._losses import margin


def squash_by_hand(s: np.ndarray) -> np.ndarray:
    """Equation 1."""
    length = np.linalg.norm(s)
    return length**2 / (1 + length**2) * s / length


def route_by_hand(u: np.ndarray, weight: np.ndarray, iterations: int) -> tuple[np.ndarray, np.ndarray]:
    """Equation 2 and procedure 1 for one item: u (I, 8), weight (I, K, 8, 16), to v (K, 16) and c (I, K)."""
    inputs, outputs = weight.shape[:2]
    predicted = np.array([[u[i] @ weight[i, j] for j in range(outputs)] for i in range(inputs)])
    b = np.zeros((inputs, outputs))
    for _ in range(iterations):
        c = np.exp(b) / np.exp(b).sum(axis=1, keepdims=True)
        v = np.array([squash_by_hand((c[:, j, None] * predicted[:, j]).sum(axis=0)) for j in range(outputs)])
        b = b + np.array([[predicted[i, j] @ v[j] for j in range(outputs)] for i in range(inputs)])
    return v, c


@pytest.mark.parametrize("iterations", [1, 2, 3, 5])
def test_routing_is_the_paper_s(iterations: int) -> None:
    torch.manual_seed(0)
    routing, u = Routing(6, 4, iterations).double(), torch.randn(3, 6, 8).double()
    with torch.no_grad():
        v, coupling = routing.route(u)
    weight = routing.weight.detach().numpy().reshape(6, DIMENSIONS[0], 4, DIMENSIONS[1]).swapaxes(1, 2)
    for n in range(3):
        expected, c = route_by_hand(u[n].numpy(), weight, iterations)
        np.testing.assert_allclose(v[n].numpy(), expected, rtol=1e-9)
        np.testing.assert_allclose(coupling[n].numpy(), c.T, rtol=1e-9)
    np.testing.assert_allclose(coupling.sum(dim=1).numpy(), 1.0, rtol=1e-12)


def test_squash_is_the_paper_s_and_harmless_at_zero() -> None:
    s = torch.randn(5, 16, dtype=torch.float64)
    np.testing.assert_allclose(squash(s).numpy(), np.array([squash_by_hand(row) for row in s.numpy()]))
    zero = torch.zeros(2, 16, requires_grad=True)
    squash(zero).sum().backward()
    assert zero.grad is not None and zero.grad.isfinite().all()


@pytest.mark.parametrize("iterations", [1, 3])
def test_gradients_flow_through_every_iteration(iterations: int) -> None:
    torch.manual_seed(0)
    routing, u = Routing(3, 2, iterations).double(), torch.randn(2, 3, 8, dtype=torch.float64, requires_grad=True)

    def vectors(u: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(routing, {"weight": weight}, (u,))

    assert torch.autograd.gradcheck(vectors, (u, routing.weight))


def test_reconstruction_sees_the_capsule_of_the_class_alone() -> None:
    network: Any = capsnet.build((1, 20, 20), 3).eval()
    capsules, y = torch.randn(2, 3, 16), torch.tensor([0, 2])
    first = network.reconstruct(capsules, y)
    capsules[0, 1:], capsules[1, :2] = 7.0, -7.0
    assert torch.equal(network.reconstruct(capsules, y), first)
    x = torch.rand(2, 1, 20, 20)
    with torch.no_grad():
        loss, scores = network.training_loss(x, y)
        error = (network.reconstruct(network.capsules(x), y) - x.flatten(1)).square().sum(1).mean()
        torch.testing.assert_close(loss, margin(scores, y).mean() + 0.0005 * error)
