"""Static 8-bit quantization of weights and activations, in ONNX Runtime's QDQ form.

Jacob et al. (2018): Quantization and training of neural networks for efficient integer-arithmetic-only inference.
Activation ranges are those seen on training items. ONNX Runtime has no such form of recurrent layers: of a network with
them only the table of tokens and the dense layers become small.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import onnx
from onnxruntime import quantization
from onnxruntime.quantization import shape_inference
from pydantic import Field

from pipeline.data.arrays import Mapped
from pipeline.data.dataset import Dataset
from pipeline.data.ragged import TOGETHER, Ragged, buckets
from pipeline.formats.onnx import FILE, taken

TAKES = ("onnx",)  # formats that it can be given
MAKES = "onnx"  # the format that it leaves


class _Calibration(quantization.CalibrationDataReader):
    """Raw training items at places `chosen`, a batch at a time; texts of nearly one length together."""

    def __init__(self, x: np.ndarray | Mapped, chosen: np.ndarray, batch: int = 64) -> None:
        self.x = x
        self.places: Iterator[np.ndarray] = (chosen[i : i + batch] for i in range(0, len(chosen), batch))
        if isinstance(x, Ragged):
            self.places = (chosen[part] for part in buckets(x.lengths[chosen], batch, TOGETHER))

    def get_next(self) -> dict[str, np.ndarray] | None:
        places = next(self.places, None)
        return None if places is None else {"input": taken(self.x[places])}


def apply(
    source: Path,
    target: Path,
    data: Dataset,
    seed: int,
    threads: int,
    *,
    calibration_samples: Annotated[int, Field(ge=1)] = 256,
    calibration: Literal["minmax", "entropy", "percentile"] = "minmax",
    per_channel: bool = True,
    reduce_range: bool = True,
) -> None:
    """Read the graph in `source`, write it quantized into `target`; ValueError where it is quantized already.

    per_channel: a scale a filter instead of one a tensor. reduce_range: weights of 7 bits. Processors without VNNI sum
    two products in 16 bits and saturate; with weights of -64..64 and activations of 0..255 no sum is above 32,640, so
    every processor computes the same. With False scores depend on the processor.
    """
    if any(node.op_type == "QuantizeLinear" for node in onnx.load(source / FILE).graph.node):
        raise ValueError("static_int8: the graph is quantized already; leave this step out")
    x = data.x["train"]
    chosen = np.random.default_rng([seed, 3]).permutation(len(x))[:calibration_samples]
    methods = {
        "minmax": quantization.CalibrationMethod.MinMax,
        "entropy": quantization.CalibrationMethod.Entropy,
        "percentile": quantization.CalibrationMethod.Percentile,
    }
    with tempfile.TemporaryDirectory(dir=target) as draft:
        prepared = Path(draft) / "prepared.onnx"
        # Symbolic inference stumbles over the sums of a capsule network; the usual one knows all these shapes.
        shape_inference.quant_pre_process(source / FILE, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            target / FILE,
            _Calibration(x, chosen),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=per_channel,
            reduce_range=reduce_range,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=methods[calibration],
            nodes_to_exclude=[] if isinstance(x, Ragged) else _scaling_nodes(prepared),
        )


def _scaling_nodes(path: Path) -> list[str]:
    """Names of the multiplication and addition before the first layer: raw pixels need them in full precision."""
    names = []
    for node in onnx.load(path).graph.node:
        if node.op_type in ("Conv", "Gemm", "MatMul"):
            break
        names.append(node.name)
    return names
