"""What several architectures share: activations by name, and how an image too small is refused."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


class FullConv2d(nn.Conv2d):
    """A convolution whose kernel is as large as its input, (N, C, K, K) to (N, outputs): one matrix product."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x.flatten(1), self.weight.flatten(1), self.bias)


def require_size(name: str, shape: tuple[int, ...], smallest: int) -> None:
    """ValueError where images (C, H, W) have a side below `smallest`."""
    _, height, width = shape
    if min(height, width) < smallest:
        raise ValueError(
            f"{name}: images of {height} x {width} are too small; the smallest that works is {smallest} x {smallest}"
        )
