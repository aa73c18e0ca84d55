"""A network as it is kept and served: scaling and view in front of the model, raw values in, logits out."""

import hashlib
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pipeline import views
from pipeline.cells import read_json

WEIGHTS = "weights.safetensors"


class Network(nn.Module):
    """Scaling, view and body in one module, so that whoever loads it needs no preprocessing of his own.

    shift, factor: (C,) or (F,), of `pipeline.data.dataset.scaling`; they travel with the weights.
    """

    shift: Tensor
    factor: Tensor

    def __init__(self, body: nn.Module, view: str, shift: Tensor, factor: Tensor) -> None:
        super().__init__()
        self.body, self.view = body, view
        self.register_buffer("shift", shift)
        self.register_buffer("factor", factor)

    def prepare(self, x: Tensor) -> Tensor:
        """Raw values (N, C, H, W) or (N, F) of any dtype, scaled and seen as the body wants them, float32."""
        extent = (-1,) + (1,) * (x.ndim - 2)
        factor, offset = self.factor.view(extent), (-self.shift * self.factor).view(extent)
        return views.VIEWS[self.view](torch.mul(x.to(factor.dtype), factor).add_(offset))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.prepare(x))


def build(spec: dict[str, Any], shape: tuple[int, ...], outputs: int, scale: tuple[np.ndarray, np.ndarray]) -> Network:
    """A fresh network of a cell's specification; `shape` is that of one raw item."""
    module = importlib.import_module(f"pipeline.{spec['model'].replace('/', '.')}")
    body = module.build(views.shape(spec["view"], shape), outputs, **spec["args"])
    if getattr(module, "CHANNELS_LAST", False):
        body = body.to(memory_format=torch.channels_last)
    return Network(body, spec["view"], *(torch.from_numpy(s) for s in scale))


def save(network: Network, folder: Path) -> str:
    """Write `weights.safetensors`; returns `weights_hash`."""
    tensors = {name: t.detach().cpu().contiguous() for name, t in network.state_dict().items()}
    save_file(tensors, folder / WEIGHTS)
    return weights_hash(tensors)


def weights_hash(tensors: dict[str, Tensor]) -> str:
    """sha256 over (name, dtype, shape, bytes) in order of names: equal for equal weights, however they are stored."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def load_network(folder: Path) -> Network:
    """The network of a finished train cell, in eval mode."""
    spec, result = read_json(folder / "spec.json"), read_json(folder / "result.json")
    tensors = load_file(folder / WEIGHTS)
    scale = (tensors["shift"].numpy(), tensors["factor"].numpy())
    network = build(spec, tuple(result["shape"]), len(result["classes"]), scale)
    network.load_state_dict(tensors)
    return network.eval()


def logits(network: nn.Module, x: np.ndarray, batch: int = 500) -> np.ndarray:
    """Logits, float32 (N, K), of raw items (N, ...), on the network's device."""
    device = next(network.parameters()).device
    with torch.inference_mode():
        parts = [network(torch.from_numpy(x[i : i + batch]).to(device)).float().cpu() for i in range(0, len(x), batch)]
    return torch.cat(parts).numpy()


def flops(network: nn.Module, x: np.ndarray) -> int:
    """Floating-point operations of one forward pass of raw items (N, ...), 2 for a multiply-add, as torch counts them.

    Raises RuntimeError where torch counts none: it lacks a formula for what this network is made of.
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.from_numpy(x))
    if not counter.get_total_flops():
        raise RuntimeError("torch counted 0 operations for this network; register a formula for its layers")
    return counter.get_total_flops()
