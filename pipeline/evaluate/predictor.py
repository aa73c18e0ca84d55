"""One way to ask any finished model, whatever it was made with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime
import torch

from pipeline.cells import read_json
from pipeline.classical import _fit
from pipeline.training import network as networks


class Predictor(Protocol):
    """file: what is kept of the model. probabilistic: whether softmax of the scores is the model's probability."""

    file: Path
    probabilistic: bool

    def scores(self, x: np.ndarray) -> np.ndarray:
        """Float32 (N, K) of raw items (N, ...), larger for likelier classes."""

    def parameters(self) -> int | None:
        """Trained numbers, None where they can't be counted."""

    def flops(self, x: np.ndarray) -> int | None:
        """Floating-point operations of one prediction, 2 for a multiply-add; `x` is one raw item (1, ...)."""


@dataclass
class NetworkPredictor:
    folder: Path
    threads: int

    def __post_init__(self) -> None:
        torch.set_num_threads(self.threads)
        torch.set_flush_denormal(True)
        self.file, self.network = self.folder / networks.WEIGHTS, networks.load_network(self.folder)
        self.probabilistic = self.network.probabilistic

    def scores(self, x: np.ndarray) -> np.ndarray:
        return networks.logits(self.network, x)

    def parameters(self) -> int:
        return sum(p.numel() for p in self.network.body.parameters())

    def flops(self, x: np.ndarray) -> int:
        return networks.flops(self.network, x)


@dataclass
class ClassicalPredictor:
    folder: Path
    threads: int

    def __post_init__(self) -> None:
        self.file = self.folder / _fit.MODEL
        self.estimator, self.module, self.scores = _fit.scorer(self.folder, self.threads)
        self.probabilistic = self.module.PROBABILISTIC

    def parameters(self) -> int:
        return sum(values.size for values in self.module.arrays(self.estimator).values())

    def flops(self, x: np.ndarray) -> int:
        return self.module.flops(self.estimator)


@dataclass
class OnnxPredictor:
    file: Path
    threads: int
    probabilistic: bool

    def __post_init__(self) -> None:
        onnxruntime.set_default_logger_severity(3)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        self.session = onnxruntime.InferenceSession(self.file, options, providers=["CPUExecutionProvider"])

    def scores(self, x: np.ndarray, batch: int = 500) -> np.ndarray:
        parts = (x[i : i + batch].astype(np.float32) for i in range(0, len(x), batch))
        return np.concatenate([self.session.run(["logits"], {"input": part})[0] for part in parts])

    def parameters(self) -> None:
        return None  # its parent has them; quantized initializers are no trained numbers

    def flops(self, x: np.ndarray) -> None:
        return None


def predictors(folder: Path, threads: int) -> dict[str, Any]:
    """Predictors of a finished train or compress cell, by the prefix that their values get."""
    if (folder / "model.onnx").is_file():
        probabilistic = read_json(folder / "result.json")["probabilistic"]
        files = {"": folder / "model.onnx", "onnx_float32_": folder / "baseline.onnx"}
        return {prefix: OnnxPredictor(file, threads, probabilistic) for prefix, file in files.items()}
    if (folder / "model.skops").is_file():
        return {"": ClassicalPredictor(folder, threads)}
    return {"": NetworkPredictor(folder, threads)}
