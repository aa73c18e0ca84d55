"""EfficientNet's small-image form: B0's blocks and kernels, one block a stage, narrower, with fewer strides.

After Tan, Le (2019): EfficientNet, table 1. Departures: depth 1 in each stage instead of 1 to 4, `width` times B0's
channels (rounded to multiples of 8), stages at strides 1, 2, 1, 2, 1, 1, 1, no dropout and no stochastic depth.
"""

from typing import Annotated, Literal

from pydantic import Field
from torch import nn
from torchvision.models.efficientnet import EfficientNet, MBConvConfig

INPUTS = ("image",)
CHANNELS_LAST = True
# expansion, kernel, stride, input and output channels of each stage
STAGES = [
    (1, 3, 1, 32, 16),
    (6, 3, 2, 16, 24),
    (6, 5, 1, 24, 40),
    (6, 3, 2, 40, 80),
    (6, 5, 1, 80, 112),
    (6, 5, 1, 112, 192),
    (6, 3, 1, 192, 320),
]


def build(
    shape: tuple[int, ...],
    outputs: int,
    *,
    width: Annotated[float, Field(gt=0)] = 0.35,
    stem_stride: Literal[1, 2] = 2,
) -> nn.Module:
    """(N, C, H, W) to logits (N, outputs)."""
    stages = [MBConvConfig(*stage, num_layers=1, width_mult=width) for stage in STAGES]
    network = EfficientNet(stages, dropout=0.0, stochastic_depth_prob=0.0, num_classes=outputs)
    stem = nn.Conv2d(shape[0], stages[0].input_channels, 3, stem_stride, padding=1, bias=False)
    nn.init.kaiming_normal_(stem.weight, mode="fan_out")
    network.features[0][0] = stem  # type: ignore[index]
    return network
