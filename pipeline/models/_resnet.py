"""Residual networks for small images.

He, Zhang, Ren, Sun (2016): Deep residual learning for image recognition, section 4.2: a 3 x 3 convolution, three
stages of n blocks with 16, 32 and 64 maps on sizes halved from stage to stage, global average pooling: 6n + 2 weighted
layers.
"""

from torch import Tensor, nn
from torch.nn import functional


class Block(nn.Module):
    """Two 3 x 3 convolutions with batch norm and a shortcut without parameters (option A of the paper)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.stride, self.extra = stride, outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        out = self.norm2(self.conv2(functional.relu(self.norm1(self.conv1(x)))))
        if self.extra or self.stride > 1:  # subsample, and fill the new maps with zeros
            x = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.extra))
        return functional.relu(out + x)


def small_image_resnet(depth: int, channels: int, outputs: int, width: int) -> nn.Module:
    """(N, channels, H, W) to logits (N, outputs); `depth` is 6n + 2, `width` the maps of the first stage.

    Convolutions start as He et al. (2015) propose: normal, fan out.
    """
    if (depth - 2) % 6:
        raise ValueError(f"a small-image ResNet has 6n + 2 layers, not {depth}")
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    inputs = width
    for stage in range(3):
        for block in range((depth - 2) // 6):
            layers.append(Block(inputs, width * 2**stage, stride=2 if stage and not block else 1))
            inputs = width * 2**stage
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, outputs))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network
