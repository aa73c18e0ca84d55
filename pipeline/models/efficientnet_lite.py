"""EfficientNet-Lite 0 to 2, for which ImageNet weights are shipped (cards/efficientnet_lite*.yaml).

Tan, Le (2019): EfficientNet: rethinking model scaling for convolutional neural networks, in the form that its authors
published for mobile devices (2020): no squeeze and excitation, ReLU6 instead of SiLU, stem and head of a fixed size.
The shipped weights expect pixels as (x - 127) / 128, which scaling `symmetric` gives of 0 to 255 but for one step of
grey, and convolutions padded as TensorFlow does: an odd row goes below, an odd column to the right.
"""

import math
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

INPUTS = ("image",)
CHANNELS_LAST = True
# width, depth, resolution, dropout before the last layer
SCALING = {"lite0": (1.0, 1.0, 224, 0.2), "lite1": (1.0, 1.1, 240, 0.2), "lite2": (1.1, 1.2, 260, 0.3)}
# repeats, kernel, stride, expansion, input and output channels of each stage (table 1)
STAGES = [
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
]


class SameConv(nn.Conv2d):
    """A convolution whose output has the size of its input over the stride, rounded up."""

    def forward(self, x: Tensor) -> Tensor:
        extra = [
            max(0, (-(-n // s) - 1) * s + k - n)
            for n, s, k in zip(x.shape[2:], self.stride, self.kernel_size, strict=True)
        ]
        (top, left), (height, width) = (e // 2 for e in extra), extra
        return super().forward(functional.pad(x, (left, width - left, top, height - top)))


def layer(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A convolution and its batch norm, with the constant of the shipped weights."""
    return [
        SameConv(inputs, outputs, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3),
    ]


class Block(nn.Module):
    """Expansion, convolution by channel, projection, and a shortcut where the shape stays."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        parts = [*layer(inputs, wide, 1), nn.ReLU6()] if expansion > 1 else []
        self.parts = nn.Sequential(
            *parts, *layer(wide, wide, kernel, stride, groups=wide), nn.ReLU6(), *layer(wide, outputs, 1)
        )
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.parts(x) if self.shortcut else self.parts(x)


def build(
    shape: tuple[int, ...],
    outputs: int,
    *,
    variant: Literal["lite0", "lite1", "lite2"] = "lite0",
    norm_momentum: Annotated[float, Field(gt=0, le=1)] = 0.01,
) -> nn.Module:
    """(N, C, H, W) to logits (N, outputs); the authors' images have the side that `SCALING` names.

    norm_momentum: of the running statistics of batch norms; the authors' lag behind the weights of a short run.
    """
    width, depth, _, dropout = SCALING[variant]
    blocks: list[nn.Module] = []
    for place, (repeats, kernel, stride, expansion, inputs, maps) in enumerate(STAGES):
        inputs, maps = 32 if place == 0 else rounded(inputs * width), rounded(maps * width)
        for repeat in range(repeats if place in (0, len(STAGES) - 1) else math.ceil(repeats * depth)):
            blocks.append(Block(maps if repeat else inputs, maps, kernel, 1 if repeat else stride, expansion))
    network = nn.Sequential(
        *layer(shape[0], 32, 3, stride=2),
        nn.ReLU6(),
        *blocks,
        *layer(maps, 1280, 1),
        nn.ReLU6(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(1280, outputs),
    )
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        elif isinstance(module, nn.BatchNorm2d):
            module.momentum = norm_momentum
    return network


def rounded(channels: float) -> int:
    """To a multiple of 8, not more than a tenth below."""
    found = max(8, int(channels + 4) // 8 * 8)
    return found + 8 if found < 0.9 * channels else found


def shipped(folder: Path, **args: Any) -> dict[str, Tensor]:
    """Weights that a card delivered into `folder`, by the names of `build((3, H, W), 1000, **args)`.

    They are in the order of its tensors. ValueError where the file is of another variant.
    """
    path = folder / "weights.pth"
    found, own = torch.load(path, weights_only=True), build((3, 224, 224), 1000, **args).state_dict()
    if [t.shape for t in found.values()] != [t.shape for t in own.values()]:
        raise ValueError(f"{path}: not the weights of this variant of EfficientNet-Lite, 3 channels and 1000 classes")
    return dict(zip(own, found.values(), strict=True))
