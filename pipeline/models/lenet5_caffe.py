"""LeNet as the Caffe framework ships it, 431,080 parameters at 28 x 28 grey and 10 classes.

Jia et al. (2014): Caffe: convolutional architecture for fast feature embedding, example `lenet`. This is the network
that papers on compression call LeNet-5 (Han et al. 2015, table 1): two linear convolutions with max pooling, and one
hidden layer of rectified units.
"""

from torch import nn

from pipeline.models._layers import require_size

INPUTS = ("image",)
CHANNELS_LAST = True


def build(shape: tuple[int, ...], outputs: int) -> nn.Module:
    """(N, C, H, W) to logits (N, outputs)."""
    require_size("lenet5_caffe", shape, 16)
    channels, height, width = shape
    rows, columns = (((side - 4) // 2 - 4) // 2 for side in (height, width))
    return nn.Sequential(
        nn.Conv2d(channels, 20, 5),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(50 * rows * columns, 500),
        nn.ReLU(),
        nn.Linear(500, outputs),
    )
