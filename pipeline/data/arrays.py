"""Arrays that may be too large for memory: they stay in a file then, and are looked at a part at a time."""

import os
import tempfile
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import paths

if TYPE_CHECKING:
    from torch import Tensor

MEMORY_SHARE = 1 / 8  # an array above this share of the machine's memory stays in a file
CHUNK_VALUES = 2**22  # that are looked at together; small data sets are one chunk


class Mapped:
    """Items (N, ...) in a file, of which `chosen` (n,) are seen, in that order. What is indexed comes into memory."""

    def __init__(self, items: np.ndarray, chosen: np.ndarray) -> None:
        self.items, self.chosen = items, chosen
        self.shape, self.dtype = (len(chosen), *items.shape[1:]), items.dtype

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, where: Any) -> np.ndarray:
        return np.array(self.items[self.chosen[where]])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)

    def index_select(self, dimension: int, chosen: "Tensor") -> "Tensor":
        """As a tensor has it, for dimension 0: items on the device of `chosen`."""
        import torch  # not where data is only prepared

        return torch.from_numpy(self[chosen.cpu().numpy()]).to(chosen.device)


def is_large(shape: tuple[int, ...], dtype: Any) -> bool:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return prod(shape) * np.dtype(dtype).itemsize > MEMORY_SHARE * memory


def empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """To be filled: in memory or, if it is large, in a file without a name that goes with the array."""
    if not is_large(shape, dtype):
        return np.empty(shape, dtype)
    paths.CELLS.mkdir(exist_ok=True)
    with tempfile.TemporaryFile(dir=paths.CELLS) as file:
        return np.memmap(file, dtype, "w+", shape=shape)


def chunks(x: np.ndarray, values: int | None = None) -> Iterator[np.ndarray]:
    """Consecutive items (n, ...) of about so many values together."""
    size = _items(x, values)
    return (x[start : start + size] for start in range(0, len(x), size))


def take(x: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Items (n, ...) at places `chosen` (n,)."""
    taken = empty((len(chosen), *x.shape[1:]), x.dtype)
    _copy(x, chosen, taken)
    return taken


def save(
    path: Path, x: np.ndarray, chosen: np.ndarray, change: Callable[[np.ndarray], np.ndarray] | None = None
) -> np.ndarray:
    """Write the items at places `chosen` as `.npy`, after a `change`; returns them, mapped and not to be written."""
    _copy(x, chosen, np.lib.format.open_memmap(path, "w+", x.dtype, (len(chosen), *x.shape[1:])), change)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def load(items: np.ndarray, chosen: np.ndarray | None = None) -> "np.ndarray | Mapped":
    """Mapped items, all or those at places `chosen`, in memory if they are small."""
    count = len(items) if chosen is None else len(chosen)
    if is_large((count, *items.shape[1:]), items.dtype):
        return Mapped(items, np.arange(count) if chosen is None else chosen)
    return np.array(items if chosen is None else items[chosen])


def _copy(
    x: np.ndarray,
    chosen: np.ndarray,
    target: np.ndarray,
    change: Callable[[np.ndarray], np.ndarray] | None = None,
) -> None:
    size = _items(x)
    for start in range(0, len(chosen), size):
        part = x[chosen[start : start + size]]
        target[start : start + size] = change(part) if change else part


def _items(x: np.ndarray, values: int | None = None) -> int:
    return max(1, (values or CHUNK_VALUES) // max(1, prod(x.shape[1:])))


class Growing:
    """Rows (N, width), float32, that come one part after another: they are kept in a file without a name."""

    def __init__(self, width: int) -> None:
        paths.CELLS.mkdir(exist_ok=True)
        self.file = tempfile.TemporaryFile(dir=paths.CELLS)  # noqa: SIM115 (closed by `whole`, or with this object)
        self.width, self.count = width, 0

    def add(self, rows: np.ndarray) -> None:
        self.file.write(np.ascontiguousarray(rows, np.float32).data)
        self.count += len(rows)

    def whole(self) -> np.ndarray:
        """All rows, mapped; nothing can be added any more."""
        self.file.flush()
        with self.file:
            return np.memmap(self.file, np.float32, "r+", shape=(self.count, self.width))
