"""Convolutions of few maps with 2 x 2 average pooling behind them, trained on the processor as matrix products.

One product for all images (Chellapilla, Puri, Simard 2006: High performance convolutional neural networks for document
processing), with two turns. A column of it is the window of four neighbouring outputs, those that are averaged, so
there are a quarter as many columns, (K + 1)^2 instead of 4 K^2 values each, and the mean is one over the first
dimension. And the batch lies innermost, (C, H, W, N), as in cuda-convnet (Krizhevsky 2014), so that windows are copied
and summed N values at a time, however small the images are.

LeNet-5's step at its batch of 32 takes 0.9 of what torch's own convolutions need, and half of it when compiled
(bench/throughput.py): those are poor at 1 and 6 maps, and pooling and tanh cost as much.
"""

from functools import reduce
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

OUTPUTS = tuple(product(range(2), range(2)))  # (row, column) of the four that are averaged


class TiledSequential(nn.Sequential):
    """Layers in turn. In training, each (Conv2d, elementwise layer, AvgPool2d(2)) is computed tile by tile.

    That is in single precision on the processor; everything else (evaluation, export, counting, other devices and
    precisions) runs layer by layer. Kernels are square and odd, the sizes that are pooled are even. Hooks of its
    convolutions are given the tiles, and change nothing.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and torch.is_grad_enabled() and _single_precision(x)):
            return super().forward(x)  # type: ignore[no-any-return]
        layers = list(self)
        while layers:
            if _tileable(layers):
                convolution, elementwise, _, *layers = layers
                tiles = _Tiles.apply(x, convolution.weight, convolution.bias, convolution.padding)
                for hook in convolution._forward_hooks.values():  # the same outputs in another order
                    hook(convolution, (x,), tiles)
                x = elementwise(tiles).mean(0).permute(3, 0, 1, 2)
            else:
                layer, *layers = layers
                x = layer(x)
        return x


class Tanh(nn.Tanh):
    """In training 2 sigmoid(2x) - 1, equal to 1e-7: torch's tanh takes four times as long on the processor."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training and _single_precision(x):
            return _Tanh.apply(x)  # type: ignore[no-any-return]
        return super().forward(x)


def _single_precision(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")


def _tileable(layers: list[nn.Module]) -> bool:
    first = layers[0]
    plain = type(first) is nn.Conv2d and first.stride == first.dilation == (1, 1)
    return plain and isinstance(layers[2], nn.AvgPool2d)


class _Tiles(torch.autograd.Function):
    """A convolution of images (N, C, H, W) as (4, O, H' / 2, W' / 2, N), of four neighbours each in its own part."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, padding: tuple[int, int]) -> Tensor:
        side = weight.shape[2] + 1
        images = functional.pad(x.permute(1, 2, 3, 0), (0, 0, *2 * padding)).contiguous()
        windows = images.unfold(1, side, 2).unfold(2, side, 2).permute(0, 4, 5, 1, 2, 3)
        columns = windows.reshape(-1, windows[0, 0, 0].numel())
        shifted = torch.stack([functional.pad(weight, (j, 1 - j, i, 1 - i)) for i, j in OUTPUTS])
        shifted = shifted.reshape(-1, len(columns))
        ctx.save_for_backward(columns, shifted)
        ctx.side, ctx.padding = side, padding[0]
        return torch.addmm(bias.repeat(4).unsqueeze(1), shifted, columns).view(4, len(weight), *windows.shape[3:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        columns, shifted = ctx.saved_tensors
        maps, kernel = grad.shape[1], ctx.side - 1
        flat = grad.reshape(4 * maps, -1)
        of_x = None
        if ctx.needs_input_grad[0]:
            windows = (shifted.T @ flat).view(-1, ctx.side, ctx.side, *grad.shape[2:])
            of_x = _overlap(windows, ctx.padding).permute(3, 0, 1, 2)
        of_shifted = (flat @ columns.T).view(4, maps, -1, ctx.side, ctx.side).unbind()
        parts = [s[..., i : i + kernel, j : j + kernel] for s, (i, j) in zip(of_shifted, OUTPUTS, strict=True)]
        return of_x, reduce(torch.add, parts), flat.sum(1).view(4, maps).sum(0), None


def _overlap(windows: Tensor, padding: int) -> Tensor:
    """The images (C, H, W, N), without their padding, that windows of stride 2, (C, S, S, H', W', N), add up to.

    As sums of padded halves, which a compiler makes one loop of.
    """
    channels, side, _, height, width, count = windows.shape
    steps = side // 2
    halves = windows.view(channels, steps, 2, steps, 2, height, width, count)
    parts = [
        functional.pad(halves[:, i, :, j], (0, 0, j, steps - 1 - j, i, steps - 1 - i))
        for i, j in product(range(steps), range(steps))
    ]
    images = reduce(torch.add, parts).permute(0, 3, 1, 4, 2, 5).reshape(channels, 2 * (height + steps - 1), -1, count)
    return images[:, padding : images.shape[1] - padding, padding : images.shape[2] - padding]


class _Tanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        out = torch.sigmoid(2 * x).mul_(2).sub_(1)
        ctx.save_for_backward(out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (out,) = ctx.saved_tensors
        return torch.ops.aten.tanh_backward(grad, out)  # type: ignore[no-any-return]
