"""Picture files written sample by sample, without Pillow, so that what they hold is known."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.data.readers import image_folder

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6  # colour types of PNG
SMALL = np.random.default_rng(0).integers(0, 256, (4, 6, 4), dtype=np.uint8)  # (H, W, channels)


def packed(samples: np.ndarray, bits: int) -> list[bytes]:
    """Rows of samples (H, W) or (H, W, C) of 1 to 16 bits, the highest bit first."""
    rows = samples.reshape(len(samples), -1, 1) >> np.arange(bits)[::-1] & 1
    return [np.packbits(row.astype(np.uint8).reshape(-1)).tobytes() for row in rows]


def png(samples: np.ndarray, bits: int, colour: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """chunks: further ones, such as (b"tRNS", ...)."""
    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in packed(samples, bits)))
    parts = [(b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts
    )


def tiff(
    samples: np.ndarray, bits: int, photometric: int = 1, sign: int = 1, order: str = "<", extra: int = 0
) -> bytes:
    """One strip without compression. extra: ExtraSamples, 1 where alpha is multiplied in."""
    height, width = samples.shape[:2]
    count = samples.shape[2] if samples.ndim == 3 else 1
    data = samples.astype(f"{order}u2").tobytes() if bits == 16 else b"".join(packed(samples, bits))
    tags = {
        256: width,
        257: height,
        258: bits,
        259: 1,
        262: photometric,
        273: 0,
        277: count,
        278: height,
        279: len(data),
    }
    tags |= {339: sign} | ({338: extra} if extra else {})
    tags[273] = 8 + 2 + 12 * len(tags) + 4 + 4
    several = {258: struct.pack(f"{order}2H", bits, bits)} if count == 2 else {}
    fields = b"".join(
        struct.pack(f"{order}HHI", tag, 3, 2) + several[tag]
        if tag in several
        else struct.pack(f"{order}HHII", tag, 4, 1, value)
        for tag, value in sorted(tags.items())
    )
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    return start + fields + struct.pack(f"{order}II", 0, 0) + data


def save(path: Path, image: Image.Image | np.ndarray | None = None, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if image is None:
        image = SMALL[:, :, :3]
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)
    return path


def read(path: Path, **options: Any) -> np.ndarray:
    """The picture (H, W, C) in a folder with one of its own and one of another class, as it is without scaling."""
    shape = options.pop("shape", SMALL.shape[:2])
    save(path.parent.parent / "other" / "o.png")
    raw = image_folder.read(path.parent.parent, size=list(shape), **options)
    places = [raw.where("train", number) for number in range(len(raw.splits["train"][1]))] if raw.where else []
    return raw.splits["train"][0][places.index(f"{path.parent.name}/{path.name}")].transpose(1, 2, 0)
