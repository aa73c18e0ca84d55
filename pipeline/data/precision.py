"""Numbers of double precision as float32, refused where that would make one of what was several.

Single precision keeps about seven digits. That is plenty for measurements, and too little for seconds since 1970, of
which 60 that follow each other become one number.
"""

import numpy as np

from pipeline.data.raw import DataError

KEPT = 1e-4  # share of a column's range that rounding may move a value by
EXACT = 2.0**24  # the whole numbers below it are themselves in single precision
HALF_A_DIGIT = 2.0**-24  # of single precision, as a share of the value


class Single:
    """Columns that arrive some rows at a time. NaN is kept."""

    def __init__(self, width: int) -> None:
        self.low, self.high, self.moved = np.full(width, np.inf), np.full(width, -np.inf), np.zeros(width)
        self.different, self.left = np.zeros(width), np.zeros(width)  # values, before and after, where they are large

    def add(self, block: np.ndarray) -> np.ndarray:
        """Float64 (n, F), n at least 1, as float32 (n, F)."""
        with np.errstate(over="ignore", invalid="ignore"):  # an infinite value is refused later, with its place
            rounded = block.astype(np.float32, order="C")
            low, high = np.fmin.reduce(block, axis=0), np.fmax.reduce(block, axis=0)
            # By how much values moved is looked at where it can matter at all, which is rare.
            largest = np.fmax(np.abs(low), np.abs(high))
            near = (largest * HALF_A_DIGIT > KEPT * (high - low)) | (largest < np.finfo(np.float32).tiny)
            if near.any():
                moved = np.fmax.reduce(np.abs(block[:, near] - rounded[:, near]), axis=0)
                self.moved[near] = np.fmax(self.moved[near], moved)
        for column in np.flatnonzero(largest >= EXACT):
            self.different[column] += len(np.unique(block[:, column]))
            self.left[column] += len(np.unique(rounded[:, column]))
        self.low, self.high = np.fmin(self.low, low), np.fmax(self.high, high)
        return rounded

    def check(self, where: str, names: list[str]) -> None:
        """DataError where a column of `names` has lost what tells its values apart."""
        with np.errstate(invalid="ignore"):
            flat = (self.high > self.low) & (self.moved > KEPT * (self.high - self.low))
            lost = np.flatnonzero(flat | (self.left < 0.99 * self.different))
        for column in lost[:1]:
            raise DataError(
                f"{where}: {names[column]} goes from {self.low[column]:.17g} to {self.high[column]:.17g}; single "
                "precision keeps seven digits, too few to tell such values apart: write them relative to the smallest, "
                "such as seconds since the first, or leave the column out"
            )


def single(x: np.ndarray, where: str, names: list[str] | None = None) -> np.ndarray:
    """Numbers of any dtype (N, ...) as float32, a column at each place of the last axis."""
    if x.dtype.kind in "bu" and x.dtype.itemsize < 4 or x.dtype in (np.float32, np.float16):
        return x.astype(np.float32)
    columns = x.reshape(-1, x.shape[-1])
    rounded, rows = Single(columns.shape[1]), max(1, 2**20 // max(1, columns.shape[1]))
    found = np.empty(columns.shape, np.float32)
    for start in range(0, len(columns), rows):
        found[start : start + rows] = rounded.add(columns[start : start + rows].astype(np.float64))
    rounded.check(where, names or [f"column {number}" for number in range(columns.shape[1])])
    return found.reshape(x.shape)
