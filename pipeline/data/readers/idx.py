"""The IDX format of MNIST and its successors (LeCun, Cortes, Burges)."""

import math
from pathlib import Path

import numpy as np

from pipeline.data.raw import DataError, Raw

KIND = "image"


def read(folder: Path, *, classes: list[str] = []) -> Raw:  # noqa: B006 (read as a literal, never changed)
    """`{train,test}-images` and `-labels` in `folder` as uint8 (N, 1, H, W) and int64 (N,)."""
    splits = {
        s: (_array(folder / f"{s}-images", 3)[:, None], _array(folder / f"{s}-labels", 1).astype(np.int64))
        for s in ("train", "test")
    }
    return Raw(KIND, splits, classes or None)


def _array(path: Path, dimensions: int) -> np.ndarray:
    size = path.stat().st_size
    if size < 4 * (1 + dimensions):
        raise DataError(f"{path}: {size} bytes, less than the header of an IDX file")
    header = np.fromfile(path, ">u4", count=1 + dimensions)
    if header[0] != 0x0800 + dimensions:
        raise DataError(
            f"{path}: magic number {header[0]:#x}; IDX bytes of {dimensions} dimensions have {0x0800 + dimensions:#x}"
        )
    shape = tuple(int(n) for n in header[1:])
    if size != header.nbytes + math.prod(shape):
        raise DataError(f"{path}: {size} bytes, but its header announces {shape}")
    return np.memmap(path, np.uint8, "r", offset=header.nbytes, shape=shape)
