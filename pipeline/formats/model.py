"""The one way to open a finished model, whatever format it is kept in."""

import importlib
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pipeline.data.arrays import Mapped
from pipeline.data.ragged import Ragged
from pipeline.formats import files


class Model(Protocol):
    """file: what is kept of the model. probabilistic: whether softmax of the scores is the model's probability."""

    file: Path
    probabilistic: bool

    def scores(self, x: np.ndarray | Mapped) -> np.ndarray:
        """Float32 (N, K) of raw items (N, ...), larger for likelier classes; (N, 1) of numbers, in their own units."""

    def texts(self, x: Ragged, **search: Any) -> list[str]:
        """What a model that writes makes of sources, by beam search with such options; others have no such method."""

    def parameters(self) -> int | None:
        """Number of trained values, None where they can't be counted."""

    def flops(self, x: np.ndarray) -> int | None:
        """Floating-point operations of one prediction, 2 for a multiply-add; `x` is one raw item (1, ...).

        None where they can't be counted.
        """


def open_model(folder: Path, threads: int) -> Model:
    """The model that a finished train or compress cell keeps in `folder`; CellError where it keeps none.

    Imports only what its format needs. A cell that calls this names the format's module among its `modules`.
    """
    opened: Model = _module(folder).Model(folder, threads)
    return opened


def weights_hash(folder: Path) -> str:
    """What makes two kept models the same: a digest of their weights, or of the file where the format has no others."""
    return str(_module(folder).weights_hash(folder))


def _module(folder: Path) -> Any:
    return importlib.import_module(f"pipeline.formats.{files.format_of(folder)}")
