"""A classical model: its scikit-learn estimator in skops' format, read with an explicit list of trusted types."""

from pathlib import Path

import numpy as np

from pipeline.classical import _fit

FILE = "model.skops"
WHOLE = False  # the sources of its architecture build it again


class Model:
    """See `pipeline.formats.model`."""

    def __init__(self, folder: Path, threads: int) -> None:
        self.file = folder / FILE
        self.estimator, self.module, self.scores = _fit.scorer(folder, threads)
        self.probabilistic = self.module.PROBABILISTIC

    def parameters(self) -> int:
        return sum(values.size for values in self.module.arrays(self.estimator).values())

    def flops(self, x: np.ndarray) -> int:
        return int(self.module.flops(self.estimator))


def weights_hash(folder: Path) -> str:
    """Of the arrays: the file itself holds times."""
    estimator, module = _fit.load_estimator(folder)
    return _fit.weights_hash(module.arrays(estimator))
