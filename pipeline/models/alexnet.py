"""AlexNet, 61,100,840 parameters with 3 channels and 1000 classes, for large images.

Krizhevsky (2014): One weird trick for parallelizing convolutional neural networks, footnote 1: the one-tower form of
Krizhevsky, Sutskever, Hinton (2012): ImageNet classification with deep convolutional neural networks. Built by
torchvision. With `local_response_norm`, responses are normalised after the first two layers as in section 3.3 of 2012
(k = 2, n = 5, alpha = 1e-4, beta = 0.75).

Departure: torchvision's start of the weights instead of a normal one of deviation 0.01.
"""

from typing import Annotated

from pydantic import Field
from torch import nn
from torchvision.models import alexnet

from pipeline.models._layers import require_size

INPUTS = ("image",)
CHANNELS_LAST = True


def build(
    shape: tuple[int, ...],
    outputs: int,
    *,
    local_response_norm: bool = False,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
) -> nn.Module:
    """(N, C, H, W) to logits (N, outputs); the paper's images are 224 x 224."""
    require_size("alexnet", shape, 63)
    network = alexnet(num_classes=outputs, dropout=dropout)
    if shape[0] != 3:
        network.features[0] = nn.Conv2d(shape[0], 64, 11, stride=4, padding=2)
    if local_response_norm:
        layers = list(network.features)
        for place in (5, 2):  # after the second and the first rectified layer, before their pooling
            # torch divides alpha by n, the paper does not
            layers.insert(place, nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0))
        network.features = nn.Sequential(*layers)
    return network
