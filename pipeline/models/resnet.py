"""Residual networks for small images; ResNet-20 has 269,722 parameters with 3 channels and 10 classes.

He, Zhang, Ren, Sun (2016): Deep residual learning for image recognition, section 4.2: a 3 x 3 convolution, three
stages of n blocks with 16, 32 and 64 maps on sizes halved from stage to stage, global average pooling: 6n + 2 weighted
layers. Convolutions start as in He et al. (2015), normal by the fan out.

If asked, dropout before the dense layer, and stochastic depth as in Huang et al. (2016): Deep networks with stochastic
depth, equation 4, with the branches that are kept scaled up in training instead of all scaled down in use.
"""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import StochasticDepth

INPUTS = ("image",)
CHANNELS_LAST = True


class Block(nn.Module):
    """Two 3 x 3 convolutions with batch norm and a shortcut.

    Where the size changes, the shortcut subsamples and fills new maps with zeros (option A of section 3.3), or is a
    1 x 1 convolution with batch norm (option B). drop: probability, in training, that an item skips the convolutions.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, shortcut: str, drop: float = 0.0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.drop: nn.Module = StochasticDepth(drop, "row") if drop else nn.Identity()
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 and shortcut == "A":
            self.shortcut = Subsample(stride, outputs - inputs)
        elif stride > 1:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        out = self.norm2(self.conv2(functional.relu(self.norm1(self.conv1(x)))))
        return functional.relu(self.drop(out) + self.shortcut(x))


class Subsample(nn.Module):
    """Every `stride`-th value, and `extra` maps of zeros behind the others."""

    def __init__(self, stride: int, extra: int) -> None:
        super().__init__()
        self.stride, self.extra = stride, extra

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))


def build(
    shape: tuple[int, ...],
    outputs: int,
    *,
    depth: Literal[8, 14, 20, 32, 44, 56, 110] = 20,
    shortcut: Literal["A", "B"] = "A",
    width: Annotated[int, Field(ge=1)] = 16,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    stochastic_depth: Annotated[float, Field(ge=0, lt=1)] = 0.0,
) -> nn.Module:
    """(N, C, H, W) to logits (N, outputs); the paper's `width`, maps of the first stage, is 16.

    stochastic_depth: probability that the last block is skipped; that of the others rises to it by equal steps.
    """
    layers: list[nn.Module] = [nn.Conv2d(shape[0], width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    inputs, each = width, (depth - 2) // 6
    for number in range(3 * each):
        stage, block = divmod(number, each)
        drop = stochastic_depth * (number + 1) / (3 * each)
        layers.append(Block(inputs, width * 2**stage, 2 if stage and not block else 1, shortcut, drop))
        inputs = width * 2**stage
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    layers += [nn.Dropout(dropout)] if dropout else []
    network = nn.Sequential(*layers, nn.Linear(inputs, outputs))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network
