"""Networks as ONNX: what compression starts from and what is served without torch."""

import logging
import warnings
from pathlib import Path

import onnx
import torch

from pipeline.training.network import Network


def export(network: Network, shape: tuple[int, ...], path: Path) -> None:
    """Write `network` with input `input`, float32 raw values (N, *shape) of any N, and output `logits` (N, K)."""
    network = network.to(memory_format=torch.contiguous_format)
    batch = torch.export.Dim("batch", min=1)
    example = torch.zeros((2, *shape))
    logging.getLogger("onnxscript").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            path,
            input_names=["input"],
            output_names=["logits"],
            dynamo=True,
            dynamic_shapes=({0: batch},),
            external_data=False,
            verbose=False,
        )
    _anonymous(path)


def _anonymous(path: Path) -> None:
    """Drop what the exporter notes of source files: their paths would make equal networks differ between machines."""
    model = onnx.load(path)
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    onnx.save(model, path)
