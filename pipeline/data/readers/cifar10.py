"""CIFAR-10 in its Python form: pickled batches of 10,000 images, read without executing anything.

Krizhevsky (2009): Learning multiple layers of features from tiny images.
"""

from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data import unpickle
from pipeline.data.raw import DataError, Raw

KIND = "image"


def read(folder: Path) -> Raw:
    """50,000 and 10,000 images, uint8 (N, 3, 32, 32)."""
    train = [_batch(path) for path in sorted(folder.glob("data_batch_*"))]
    if not train:
        raise DataError(f"{folder}: no data_batch_1 and so on")
    x, y = (np.concatenate(part) for part in zip(*train, strict=True))
    names = _load(folder / "batches.meta")[b"label_names"]
    return Raw(KIND, {"train": (x, y), "test": _batch(folder / "test_batch")}, [n.decode() for n in names])


def _batch(path: Path) -> tuple[np.ndarray, np.ndarray]:
    content = _load(path)
    return content[b"data"].reshape(-1, 3, 32, 32), np.array(content[b"labels"], np.int64)


def _load(path: Path) -> dict[bytes, Any]:
    try:
        with path.open("rb") as file:
            return unpickle.load(file, encoding="bytes")
    except (OSError, DataError) as error:
        raise DataError(f"{path}: no batch of CIFAR-10: {error}") from error
