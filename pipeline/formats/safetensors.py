"""A network: its tensors, and its layers built again from what its cell says of them."""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from pipeline.training import network as networks

FILE = "weights.safetensors"
WHOLE = False  # the sources of its architecture build it again


class Model(networks.Answering):
    """See `pipeline.formats.model`; `network` is the torch module, in eval mode."""

    def __init__(self, folder: Path, threads: int) -> None:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(True)
        super().__init__(networks.load_network(folder), folder)
        self.file = folder / FILE
        self.probabilistic = self.network.probabilistic

    def parameters(self) -> int:
        return sum(p.numel() for p in self.network.body.parameters())

    def flops(self, x: np.ndarray) -> int:
        return networks.flops(self.network, x)


def weights_hash(folder: Path) -> str:
    """Of the tensors, whatever order the file has them in."""
    return networks.weights_hash(load_file(folder / FILE))
