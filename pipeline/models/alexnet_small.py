"""AlexNet's small-image form: its five convolutions and three dense layers, with small kernels and strides of 1.

After Krizhevsky, Sutskever, Hinton (2012): ImageNet classification with deep convolutional neural networks, section
3.5, which is for images of 224 x 224. Departures: 3 x 3 kernels everywhere, pooling 2 x 2 without overlap, `width`
times the maps of torchvision's form (64, 192, 384, 256, 256), `hidden` units instead of 4096, Kaiming's start.
"""

from typing import Annotated

from pydantic import Field
from torch import nn

from pipeline.models._layers import require_size

INPUTS = ("image",)
CHANNELS_LAST = True


def build(
    shape: tuple[int, ...],
    outputs: int,
    *,
    width: Annotated[float, Field(gt=0)] = 0.25,
    hidden: Annotated[int, Field(ge=1)] = 256,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2,
) -> nn.Module:
    """(N, C, H, W) to logits (N, outputs)."""
    require_size("alexnet_small", shape, 8)
    maps = [max(1, round(count * width)) for count in (64, 192, 384, 256, 256)]
    layers: list[nn.Module] = []
    for place, (inputs, count) in enumerate(zip([shape[0], *maps], maps, strict=False)):
        layers += [nn.Conv2d(inputs, count, 3, padding=1), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if place in (0, 1, 4) else []
    dense = [maps[-1] * (shape[1] // 8) * (shape[2] // 8), hidden, hidden]
    layers.append(nn.Flatten())
    for inputs, count in zip(dense, dense[1:], strict=False):
        layers += [nn.Dropout(dropout), nn.Linear(inputs, count), nn.ReLU()]
    network = nn.Sequential(*layers, nn.Linear(hidden, outputs))
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return network
