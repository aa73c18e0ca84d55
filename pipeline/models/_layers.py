"""What several architectures share: activations and initialisations by name, and how an image too small is refused."""

from collections.abc import Callable
from functools import partial
from typing import Any

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
# Xavier: Glorot & Bengio 2010. Kaiming: He et al. 2015. Orthogonal: Saxe et al. 2014. Truncated at two deviations.
INITIALISATIONS: dict[str, Callable[[Any], Any]] = {
    "xavier_uniform": nn.init.xavier_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    "kaiming_uniform": partial(nn.init.kaiming_uniform_, nonlinearity="relu"),
    "kaiming_normal": partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    "orthogonal": nn.init.orthogonal_,
    "truncated_normal": partial(nn.init.trunc_normal_, std=0.02, a=-0.04, b=0.04),
}


class FullConv2d(nn.Conv2d):
    """A convolution whose kernel is as large as its input, (N, C, K, K) to (N, outputs): one matrix product."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x.flatten(1), self.weight.flatten(1), self.bias)


def initialise(network: nn.Module, how: str) -> nn.Module:
    """Weights of dense and convolutional layers by `how`, their biases 0; `default` leaves torch's own start."""
    if how != "default":
        for module in network.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                INITIALISATIONS[how](module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
    return network


def require_size(name: str, shape: tuple[int, ...], smallest: int) -> None:
    """ValueError where images (C, H, W) have a side below `smallest`."""
    _, height, width = shape
    if min(height, width) < smallest:
        raise ValueError(
            f"{name}: images of {height} x {width} are too small; the smallest that works is {smallest} x {smallest}"
        )
