"""Convolutions computed tile by tile are the ones they stand for."""

import pytest
import torch
from torch import Tensor, nn

from pipeline.models import lenet5
from pipeline.models._tiles import Tanh, TiledSequential
from pipeline.training import network as networks


def pair(shape: tuple[int, int, int], activation: str = "tanh") -> tuple[nn.Module, nn.Module]:
    """LeNet-5 in tiles, and layer by layer as torch has them, with equal weights."""
    torch.manual_seed(0)
    tiled = lenet5.build(shape, 10, activation=activation)  # type: ignore[arg-type]
    torch.manual_seed(0)
    convolutions = [nn.Conv2d(shape[0], 6, 5, padding=(32 - shape[1]) // 2), nn.Conv2d(6, 16, 5), nn.Conv2d(16, 120, 5)]
    act = {"tanh": nn.Tanh, "relu": nn.ReLU}[activation]
    layers: list[nn.Module] = []
    for convolution in convolutions[:2]:
        layers += [convolution, act(), nn.AvgPool2d(2)]
    plain = nn.Sequential(*layers, convolutions[2], nn.Flatten(), act(), nn.Linear(120, 84), act(), nn.Linear(84, 10))
    return tiled, plain


def loss_and_gradients(network: nn.Module, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    loss = network(x).square().sum()
    return loss, list(torch.autograd.grad(loss, [x, *network.parameters()]))


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize(("shape", "count"), [((1, 28, 28), 32), ((3, 32, 32), 5), ((2, 28, 28), 1)])
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_outputs_and_gradients_are_those_of_torch_s_layers(
    shape: tuple[int, int, int], count: int, activation: str, order: torch.memory_format
) -> None:
    tiled, plain = (network.train().to(memory_format=order) for network in pair(shape, activation))
    x = torch.randn(count, *shape, requires_grad=True)
    ours, theirs = loss_and_gradients(tiled, x), loss_and_gradients(plain, x)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_the_start_and_the_names_are_those_of_torch_s_layers() -> None:
    tiled, plain = pair((1, 28, 28))
    ours, theirs = list(tiled.state_dict().values()), list(plain.state_dict().values())
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert list(tiled.state_dict()) == [f"{place}.{part}" for place in (0, 3, 6, 8, 10) for part in ("weight", "bias")]


def test_out_of_training_it_is_torch_s_to_the_bit() -> None:
    tiled, _ = pair((1, 28, 28))
    x = torch.randn(4, 1, 28, 28)
    own = nn.Sequential(*[nn.Tanh() if isinstance(layer, Tanh) else layer for layer in tiled])  # type: ignore[arg-type]
    assert torch.equal(tiled.eval()(x), own(x))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(tiled.train()(x), own(x))


def test_operations_are_counted_of_the_plain_form() -> None:
    """By hand: C1, C3, C5, F6 and the output, 2 for a multiply-add; tiles themselves would count 1.4 times as many."""
    tiled, _ = pair((1, 28, 28))
    by_hand = 2 * (25 * 6 * 784 + 150 * 16 * 100 + 400 * 120 + 120 * 84 + 84 * 10)
    assert networks.count(tiled.train(), torch.randn(1, 1, 28, 28)) == by_hand


def test_sizes_that_cannot_be_pooled_are_refused() -> None:
    network = TiledSequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.AvgPool2d(2)).train()
    x = torch.randn(2, 1, 7, 7, requires_grad=True)
    with pytest.raises(RuntimeError):
        network(x).sum().backward()
