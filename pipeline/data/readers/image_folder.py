"""A folder a class: `<class>/*.png`, or `{train,test}/<class>/*.png`; any format that Pillow opens."""

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from pipeline.data import arrays
from pipeline.data.raw import DataError, Raw

KIND = "image"
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"}


def read(
    folder: Path,
    *,
    size: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)],
    channels: Literal[1, 3] = 3,
) -> Raw:
    """Images scaled to `size` (height, width), with 1 (grey) or 3 (RGB) channels, as uint8 (N, C, H, W)."""
    own = {s: folder / s for s in ("train", "validation", "test") if (folder / s).is_dir()}
    roots = own if "train" in own else {"train": folder}
    classes = sorted({p.name for root in roots.values() for p in root.iterdir() if p.is_dir()})
    if not classes:
        raise DataError(f"{folder}: no folder for any class")
    return Raw(KIND, {split: _split(root, classes, size, channels) for split, root in roots.items()}, classes)


def _split(root: Path, classes: list[str], size: list[int], channels: int) -> tuple[np.ndarray, np.ndarray]:
    found = [
        (path, index)
        for index, name in enumerate(classes)
        for path in sorted(p for p in (root / name).glob("*") if p.suffix.lower() in SUFFIXES)
    ]
    if not found:
        raise DataError(f"{root}: no images ({', '.join(sorted(SUFFIXES))}) in {', '.join(classes)}")
    images = arrays.empty((len(found), channels, *size), np.uint8)
    for place, (path, _) in zip(images, found, strict=True):
        place[:] = _pixels(path, size, channels)
    return images, np.array([index for _, index in found], np.int64)


def _pixels(path: Path, size: list[int], channels: int) -> np.ndarray:
    """One image, uint8 (C, H, W)."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            scaled = image.convert("L" if channels == 1 else "RGB").resize((size[1], size[0]))
            pixels = np.asarray(scaled, np.uint8)
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(f"{path}: no readable image: {error}") from error
    return pixels.reshape(*size, channels).transpose(2, 0, 1)
