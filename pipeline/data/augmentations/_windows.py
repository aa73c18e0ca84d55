"""A window of every image of a batch, each at a place of its own."""

import torch
from torch import Tensor


def windows(x: Tensor, top: Tensor, left: Tensor, height: int, width: int) -> Tensor:
    """(N, C, height, width) out of contiguous (N, C, H, W), from rows `top` and columns `left`, int64 (N,).

    A selection from the view of all places where a window could start, since that copies rows, where indices by
    (image, top, left) copy pixel by pixel: 0.2 microseconds for an image of 28 x 28 against 0.8.
    """
    count, channels, rows, columns = x.shape
    span = (channels - 1) * rows * columns + (height - 1) * columns + width  # from a window's first value to its last
    starts = torch.arange(count, device=x.device) * channels * rows * columns + top * columns + left
    places = x.as_strided(
        (x.numel() - span + 1, channels, height, width), (1, rows * columns, columns, 1), x.storage_offset()
    )
    return places.index_select(0, starts)
