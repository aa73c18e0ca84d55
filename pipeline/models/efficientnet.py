"""EfficientNet B0 to B7; B0 has 5,288,548 parameters with 3 channels and 1000 classes.

Tan, Le (2019): EfficientNet: rethinking model scaling for convolutional neural networks, table 1. Compound scaling
(equation 3, alpha 1.2, beta 1.1, gamma 1.15): depth grows by 1.2^phi, width by 1.1^phi, resolution by 1.15^phi; what B1
to B7 use are the authors' published, rounded factors, in `SCALING`. Built by torchvision.

Departure, with `stem_stride` 1 only: the paper's stem halves images at once, which small ones can't afford.
"""

from typing import Any, Literal

from torch import nn
from torchvision.models import get_model_builder

INPUTS = ("image",)
CHANNELS_LAST = True
# width, depth, resolution, dropout before the last layer
SCALING = {
    "b0": (1.0, 1.0, 224, 0.2),
    "b1": (1.0, 1.1, 240, 0.2),
    "b2": (1.1, 1.2, 260, 0.3),
    "b3": (1.2, 1.4, 300, 0.3),
    "b4": (1.4, 1.8, 380, 0.4),
    "b5": (1.6, 2.2, 456, 0.4),
    "b6": (1.8, 2.6, 528, 0.5),
    "b7": (2.0, 3.1, 600, 0.5),
}


def build(
    shape: tuple[int, ...],
    outputs: int,
    *,
    variant: Literal["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"] = "b0",
    stem_stride: Literal[1, 2] = 2,
) -> nn.Module:
    """(N, C, H, W) to logits (N, outputs); the paper's images have the side that `SCALING` names."""
    _, _, _, dropout = SCALING[variant]
    network: Any = get_model_builder(f"efficientnet_{variant}")(num_classes=outputs, dropout=dropout)
    stem = network.features[0][0]
    if (shape[0], stem_stride) != (stem.in_channels, stem.stride[0]):
        network.features[0][0] = nn.Conv2d(shape[0], stem.out_channels, 3, stem_stride, padding=1, bias=False)
        nn.init.kaiming_normal_(network.features[0][0].weight, mode="fan_out")
    return network
