"""Matrices of which scikit-learn keeps only what is not zero: text, and what is fitted to it."""

from typing import Any

import numpy as np


def parts(name: str, matrix: Any) -> dict[str, np.ndarray]:
    """The arrays that a matrix consists of, one where it is no sparse one."""
    if isinstance(matrix, np.ndarray):
        return {name: matrix}
    return {name: matrix.data, f"{name}_columns": matrix.indices, f"{name}_rows": matrix.indptr}
