"""A graph with input `input`, raw items (N, ...), and output `logits` (N, K): served without torch.

Items are float32, or int64 where they are tokens; the scores of tokens are (N, T, K).
"""

from pathlib import Path

import numpy as np
import onnxruntime

from pipeline.cells import fingerprint
from pipeline.cells.cell import read_json
from pipeline.data.arrays import Mapped
from pipeline.data.kinds import KINDS
from pipeline.data.ragged import Ragged, by_length

FILE = "model.onnx"
WHOLE = True  # no source is needed to open it


class Model:
    """See `pipeline.formats.model`; `session` is ONNX Runtime's."""

    def __init__(self, folder: Path, threads: int) -> None:
        self.file = folder / FILE
        self.probabilistic = bool(read_json(folder / "result.json")["probabilistic"])
        onnxruntime.set_default_logger_severity(3)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self.session = onnxruntime.InferenceSession(self.file, options, providers=["CPUExecutionProvider"])

    def scores(self, x: np.ndarray | Mapped, batch: int = 500) -> np.ndarray:
        if isinstance(x, Ragged):
            return by_length(self._run, x, batch)
        return np.concatenate([self._run(x[i : i + batch]) for i in range(0, len(x), batch)])

    def _run(self, x: np.ndarray) -> np.ndarray:
        scores: np.ndarray = self.session.run(["logits"], {"input": taken(x)})[0]
        return scores

    def parameters(self) -> None:
        return None  # the network that it was made from has them; quantized initializers are no trained numbers

    def flops(self, x: np.ndarray) -> None:
        return None


def taken(x: np.ndarray) -> np.ndarray:
    """Raw items as a graph takes them."""
    return x.astype(np.int64 if x.dtype == KINDS["tokens"].dtype else np.float32)


def weights_hash(folder: Path) -> str:
    """Of the file: a graph is as much of the model as its weights."""
    return fingerprint.of_file(folder / FILE)
