"""A network as an ONNX graph, in full precision: what is served without torch, and what quantization starts from."""

import logging
import warnings
from pathlib import Path

import onnx
import torch

from pipeline.data.dataset import Dataset
from pipeline.formats.onnx import FILE
from pipeline.training.network import Network, load_network

TAKES = ("safetensors",)  # formats that it can be given
MAKES = "onnx"  # the format that it leaves
BASELINE = "onnx_float32_"  # what is made from it is compared with it: the prefix of its values in that row
REQUIRES = (({"target": ("class", "number", "tags")}, "a graph scores an item at once, a text is written by steps"),)


def apply(source: Path, target: Path, data: Dataset, seed: int, threads: int) -> None:
    """Read the network in `source`, write its graph into `target`."""
    torch.set_num_threads(threads)
    network = load_network(source)
    export(network, data.shape, target / FILE)


def export(network: Network, shape: tuple[int, ...], path: Path) -> None:
    """Write `network` with input `input`, float32 raw values (N, *shape) of any N, and output `logits` (N, K).

    Of tokens the input is int64 (N, T) of any T up to the longest.
    """
    network = network.to(memory_format=torch.contiguous_format)
    axes = {0: torch.export.Dim("batch", min=1)}
    example = torch.zeros((2, *shape))
    if network.kind.ragged:
        example = torch.ones((2, min(7, *shape)), dtype=torch.int64)
        axes[1] = torch.export.Dim("length", min=1, max=shape[0])
    logging.getLogger("onnxscript").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            path,
            input_names=["input"],
            output_names=["logits"],
            dynamo=True,
            dynamic_shapes=(axes,),
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
