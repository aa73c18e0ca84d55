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
    return Raw(splits, classes or None)


def _array(path: Path, dimensions: int) -> np.ndarray:
    content = path.read_bytes()
    if len(content) < 4 * (1 + dimensions):
        raise DataError(f"{path}: {len(content)} bytes, less than the header of an IDX file")
    header = np.frombuffer(content, ">u4", count=1 + dimensions)
    if header[0] != 0x0800 + dimensions:
        raise DataError(
            f"{path}: magic number {header[0]:#x}; IDX bytes of {dimensions} dimensions have {0x0800 + dimensions:#x}"
        )
    shape = tuple(int(n) for n in header[1:])
    if len(content) != header.nbytes + math.prod(shape):
        raise DataError(f"{path}: {len(content)} bytes, but its header announces {shape}")
    return np.frombuffer(content, np.uint8, offset=header.nbytes).reshape(shape)
