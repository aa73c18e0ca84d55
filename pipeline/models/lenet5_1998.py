"""LeNet-5 as it was published, 60,000 trained parameters at 32 x 32 grey.

LeCun, Bottou, Bengio, Haffner (1998): Gradient-based learning applied to document recognition, section II.B: trained
subsampling, maps of C3 that see some maps of S2 only (table I), squashing by 1.7159 tanh(2x/3) (appendix A), and ten
radial basis units with fixed codes of +1 and -1. The loss is equation 9, discriminative training with a constant for
"none of these".

Departures: the codes of the ten classes follow the stylised digits of figure 3 but were drawn anew; for another number
of classes they are random, which the paper names as the alternative. Weights are fitted by the recipe's optimizer
instead of stochastic diagonal Levenberg-Marquardt. Images of 28 x 28 are padded after scaling, so the border is grey.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.models._layers import FullConv2d

INPUTS = ("image",)
REQUIRES = (
    ({"target": ("class",)}, "its output units are codes of classes"),
    (
        {"sampling": ("none", "balanced"), "label_smoothing": (0.0,), "mixup": (0.0,), "cutmix": (0.0,)},
        "its loss is its own",
        {"loss": "default"},
    ),
    ({"loss": ("default", "cross_entropy", "hinge", "focal")}, "its scores are distances, negated: none is above 0"),
    ({"last_layer": ("plain",)}, "it does not end with a dense layer"),
)
RUBBISH = 1.0  # j of equation 9: squared distance beyond which an input belongs to no class; the paper gives no value
# Table I: the maps of S2 that each map of C3 sees.
TABLE = (
    [[i, (i + 1) % 6, (i + 2) % 6] for i in range(6)]
    + [[i, (i + 1) % 6, (i + 2) % 6, (i + 3) % 6] for i in range(6)]
    + [[0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5]]
    + [[0, 1, 2, 3, 4, 5]]
)
# 7 x 12 pixels each, row by row in hexadecimal, highest bit left.
DIGITS = (
    "00 1c 22 41 41 41 41 41 41 22 1c 00",
    "00 08 18 28 08 08 08 08 08 08 3e 00",
    "00 3e 41 41 01 02 0c 10 20 40 7f 00",
    "00 3e 41 01 01 1e 01 01 01 41 3e 00",
    "00 02 06 0a 12 22 42 7f 02 02 02 00",
    "00 7f 40 40 7e 41 01 01 01 41 3e 00",
    "00 1e 20 40 40 7e 41 41 41 41 3e 00",
    "00 7f 01 02 02 04 04 08 08 10 10 00",
    "00 3e 41 41 41 3e 41 41 41 41 3e 00",
    "00 3e 41 41 41 41 3f 01 01 02 3c 00",
)


class Squash(nn.Module):
    """1.7159 tanh(2x/3): values of +1 and -1 are where its curvature is greatest (appendix A)."""

    def forward(self, x: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(x * (2 / 3))


class Subsampling(nn.Module):
    """Sums of 2 x 2 values, times a trained coefficient, plus a trained bias, one of each a map (S2, S4)."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.empty(maps, 1, 1).uniform_(-0.6, 0.6))  # 2.4 over a fan-in of 4
        self.bias = nn.Parameter(torch.zeros(maps, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return 4 * functional.avg_pool2d(x, 2) * self.coefficient + self.bias


class PartialConvolution(nn.Module):
    """C3: a 5 x 5 filter for each of the 60 pairs of table I, and a bias for each of the 16 maps."""

    places: Tensor

    def __init__(self) -> None:
        super().__init__()
        fans = torch.tensor([len(seen) for seen in TABLE for _ in seen], dtype=torch.float32).view(-1, 1, 1) * 25
        self.weight = nn.Parameter((torch.rand(60, 5, 5) * 2 - 1) * 2.4 / fans)
        self.bias = nn.Parameter(torch.zeros(16))
        places = torch.full((16, 6), 60)  # of the filter of zeros that stands behind the others
        places[[i for i, seen in enumerate(TABLE) for _ in seen], [s for seen in TABLE for s in seen]] = torch.arange(
            60
        )
        self.register_buffer("places", places, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        weight = functional.pad(self.weight, (0, 0, 0, 0, 0, 1))[self.places]
        return functional.conv2d(x, weight, self.bias)


class RadialBasis(nn.Module):
    """Equation 7, negated: minus the squared distance of (N, 84) to the code of each class, (N, K)."""

    codes: Tensor

    def __init__(self, codes: Tensor) -> None:
        super().__init__()
        self.register_buffer("codes", codes)

    def forward(self, x: Tensor) -> Tensor:
        squares = (x * x).sum(1, keepdim=True) + self.codes.shape[1]  # a code's values are +1 and -1
        return 2 * x @ self.codes.T - squares


class LeNet5(nn.Sequential):
    """Logits are minus the penalties of equation 7: trained against "none of these", which their softmax leaves out."""

    probabilistic = False

    def training_loss(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """(mean of equation 9, logits (N, K)) of images (N, C, H, W) and labels (N,)."""
        logits = self(x)
        rubbish = logits.new_full((len(logits), 1), -RUBBISH)
        return functional.cross_entropy(torch.cat([logits, rubbish], dim=1), y), logits


def build(shape: tuple[int, ...], outputs: int) -> nn.Module:
    """(N, C, 28, 28), padded to 32 x 32 as in the paper, or (N, C, 32, 32) to logits (N, outputs)."""
    channels, height, width = shape
    if (height, width) not in ((28, 28), (32, 32)):
        raise ValueError(f"lenet5_1998: images of {height} x {width}; it takes 28 x 28 or 32 x 32")
    network = LeNet5(
        nn.Conv2d(channels, 6, 5, padding=(32 - height) // 2),
        Squash(),
        Subsampling(6),
        Squash(),
        PartialConvolution(),
        Squash(),
        Subsampling(16),
        Squash(),
        FullConv2d(16, 120, 5),
        Squash(),
        nn.Linear(120, 84),
        Squash(),
        RadialBasis(codes(outputs)),
    )
    for module in network:
        if isinstance(module, nn.Conv2d | nn.Linear):  # appendix A: uniform, 2.4 over the fan-in
            bound = 2.4 / module.weight[0].numel()
            nn.init.uniform_(module.weight, -bound, bound)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
    return network


def codes(classes: int) -> Tensor:
    """(classes, 84) of +1 and -1: digits as drawn for ten classes, else random ones that are always the same."""
    if classes != len(DIGITS):
        drawn = torch.randint(0, 2, (classes, 84), generator=torch.Generator().manual_seed(1998))
        return drawn * 2.0 - 1.0
    rows = [[int(row, 16) for row in digit.split()] for digit in DIGITS]
    pixels = [[(row >> (6 - column)) & 1 for row in digit for column in range(7)] for digit in rows]
    return torch.tensor(pixels) * 2.0 - 1.0
