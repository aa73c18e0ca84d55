"""What several architectures share: activations by name, steps one after another, how what does not fit is refused."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan as exported_scan
from torch.nn import functional

from pipeline.data.spec import Vocabulary

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


def scan(step: Callable[[Tensor, Any], tuple[Tensor, Tensor]], state: Tensor, inputs: tuple[Tensor, ...]) -> Tensor:
    """Outputs (N, T, ...) of `step(state, inputs of one time) -> (state, output)` over inputs (N, T, ...), in order.

    An exported graph has the operator Scan for it, so that it takes any T; a step may not return one tensor twice then.
    """
    if torch.compiler.is_exporting():
        return exported_scan(step, state, tuple(x.transpose(0, 1) for x in inputs))[1].transpose(0, 1)  # type: ignore[no-any-return]
    outputs = []
    for now in zip(*(x.unbind(1) for x in inputs), strict=True):
        state, output = step(state, now)
        outputs.append(output)
    return torch.stack(outputs, dim=1)


def require_size(name: str, shape: tuple[int, ...], smallest: int) -> None:
    """ValueError where images (C, H, W) have a side below `smallest`."""
    _, height, width = shape
    if min(height, width) < smallest:
        raise ValueError(
            f"{name}: images of {height} x {width} are too small; the smallest that works is {smallest} x {smallest}"
        )


def require_vocabulary(name: str, outputs: int, vocabulary: Vocabulary | None) -> Vocabulary:
    """The one of both languages; ValueError where there is none, or where not all of its tokens can be written."""
    if vocabulary is None:
        raise ValueError(f"{name}: it reads and writes tokens, so it needs `vocabulary`")
    if outputs != vocabulary.size:
        raise ValueError(f"{name}: {outputs} outputs, but both languages share one vocabulary of {vocabulary.size}")
    return vocabulary
