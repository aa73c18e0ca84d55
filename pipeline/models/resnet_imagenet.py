"""Residual networks for large images: ResNet-18, 34 and 50, built by torchvision.

He, Zhang, Ren, Sun (2016): Deep residual learning for image recognition, table 1. Departure of torchvision's ResNet-50:
the stride stands at the 3 x 3 convolution of a bottleneck (its form 1.5).
"""

from typing import Literal

from torch import nn
from torchvision import models

INPUTS = ("image",)
CHANNELS_LAST = True


def build(shape: tuple[int, ...], outputs: int, *, depth: Literal[18, 34, 50] = 18) -> nn.Module:
    """(N, C, H, W) to logits (N, outputs); the paper's images are 224 x 224."""
    network = models.get_model(f"resnet{depth}", weights=None, num_classes=outputs)
    if shape[0] != 3:
        network.conv1 = nn.Conv2d(shape[0], 64, 7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
    return network
