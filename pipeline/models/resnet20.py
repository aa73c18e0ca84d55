"""ResNet-20 for small images, 269,722 parameters with 3 channels and 10 classes (He et al. 2016, section 4.2).

The parts are in `_resnet.py`.
"""

from typing import Annotated

from pydantic import Field
from torch import nn

from pipeline.models._resnet import small_image_resnet

INPUTS = ("image",)
CHANNELS_LAST = True


def build(shape: tuple[int, ...], outputs: int, *, width: Annotated[int, Field(ge=1)] = 16) -> nn.Module:
    """(N, C, H, W) to logits (N, outputs); the paper's width is 16."""
    return small_image_resnet(20, shape[0], outputs, width)
