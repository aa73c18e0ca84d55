"""A network as it is kept and served: scaling and view in front of the model, raw values in, logits out."""

import hashlib
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pipeline.cells.cell import parsed, read_json
from pipeline.data import views
from pipeline.data.arrays import Mapped
from pipeline.data.kinds import KINDS, Kind
from pipeline.data.ragged import TOGETHER, Ragged, buckets, by_length
from pipeline.data.spec import Facts
from pipeline.training.bayesian import with_bayesian_last_layer
from pipeline.training.spec import Architecture, Model

WEIGHTS = "weights.safetensors"
SENTENCES = 64  # that are translated together


class Network(nn.Module):
    """Scaling, view and body in one module, so that whoever loads it needs no preprocessing of his own.

    shift, factor: (C,) or (F,), of `pipeline.data.dataset.scaling`; target: mean and deviation of the numbers that it
    predicts, None for classes. They travel with the weights.
    """

    shift: Tensor
    factor: Tensor
    target: Tensor | None

    def __init__(
        self, body: nn.Module, view: str, kind: Kind, shift: Tensor, factor: Tensor, target: Tensor | None = None
    ) -> None:
        super().__init__()
        self.body, self.view, self.kind, self.extent = body, view, kind, kind.extent
        for name, values in (("shift", shift), ("factor", factor), ("target", target)):
            self.register_buffer(name, values)

    @property
    def probabilistic(self) -> bool:
        """Whether the softmax of its scores is what it says of probabilities."""
        return getattr(self.body, "probabilistic", self.target is None)

    @property
    def writes(self) -> bool:
        """Whether its answer is a text, see `pipeline.models._decoding.Writer`."""
        return hasattr(self.body, "write")

    def prepare(self, x: Tensor) -> Tensor:
        """Raw values (N, ...) of any dtype, scaled and seen as the body wants them, float32; tokens stay numbers."""
        if self.kind.ragged:
            return views.of_tokens(self.view, x.long(), self.factor)  # type: ignore[no-any-return]
        factor, offset = self.factor.view(self.extent), (-self.shift * self.factor).view(self.extent)
        return views.VIEWS[self.view](torch.mul(x.to(factor.dtype), factor).add_(offset))

    def forward(self, x: Tensor, *target: Tensor) -> Tensor:
        """target: of what writes, its tokens so far."""
        scores = self.body(self.prepare(x), *target)
        return scores if self.target is None else scores * self.target[1] + self.target[0]


Scale = tuple[np.ndarray, np.ndarray]


def build(spec: Architecture, facts: Facts, scale: Scale, target: Sequence[float] | None = None) -> Network:
    """A fresh network of a cell's specification. target: mean and deviation of the numbers that it predicts."""
    recipe, body = spec.recipe, build_body(spec, facts, spec.recipe.channels_last)
    if recipe.last_layer == "bayesian":
        body = with_bayesian_last_layer(body, facts.outputs)
    if not recipe.probabilistic:
        body.probabilistic = False  # type: ignore[assignment]
    known = None if target is None else torch.tensor(target, dtype=torch.float32)
    shift, factor = (torch.from_numpy(values) for values in scale)
    return Network(body, spec.view, KINDS[facts.kind], shift, factor, known)


def build_body(spec: Model, facts: Facts, channels_last: bool | None) -> nn.Module:
    """A fresh body, without scaling and view. channels_last: None for what the architecture's file says."""
    module = importlib.import_module(spec.module)
    seen, vocabulary = views.kind(spec.view, facts.kind), facts.vocabulary
    shape = views.shape(spec.view, tuple(facts.shape), vocabulary.size if vocabulary else 0)
    tokens = [vocabulary] if seen == "tokens" else []
    body: nn.Module = module.build(shape, facts.outputs, *tokens, **spec.args)
    if getattr(module, "CHANNELS_LAST", False) if channels_last is None else channels_last:
        body = body.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return body


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
    """The network of a finished train cell, or of a compression that leaves one, in eval mode."""
    result = read_json(folder / "result.json")
    spec = parsed(Architecture, result.get("network") or read_json(folder / "spec.json"))
    tensors = load_file(folder / WEIGHTS)
    scale, target = (tensors["shift"].numpy(), tensors["factor"].numpy()), tensors.get("target")
    network = build(spec, parsed(Facts, result), scale, None if target is None else target.tolist())
    network.load_state_dict(tensors)
    return network.eval()


def logits(network: nn.Module, x: np.ndarray | Mapped, batch: int = 500) -> np.ndarray:
    """Logits, float32 (N, K), of raw items (N, ...), on the network's device."""
    device = next(network.parameters()).device
    if isinstance(x, Ragged):
        return by_length(lambda part: logits(network, part, batch), x, batch)
    with torch.inference_mode():
        parts = [network(torch.from_numpy(x[i : i + batch]).to(device)).float().cpu() for i in range(0, len(x), batch)]
    return torch.cat(parts).numpy()


def translations(network: Network, x: Ragged, **search: Any) -> list[list[int]]:
    """Tokens of what a network writes of each source; search: of `pipeline.models._decoding.beam_search`."""
    device, found = next(network.parameters()).device, [list[int]() for _ in range(len(x))]
    for places in buckets(x.lengths, SENTENCES, TOGETHER):
        source = network.prepare(torch.from_numpy(x[places]).to(device))
        for place, tokens in zip(places, network.body.write(source, **search), strict=True):  # type: ignore[operator]
            found[place] = tokens
    return found


class Answering:
    """A network in eval mode as it is asked; folder: with the tokenizer, where it takes texts."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.network, self.folder = network, folder

    def scores(self, x: np.ndarray | Mapped) -> np.ndarray:
        return logits(self.network, x)

    def texts(self, x: Ragged, **search: Any) -> list[str]:
        from pipeline.data import sentences  # a model of numbers does without a tokenizer

        return sentences.texts(translations(self.network, x, **search), self.folder)


def flops(network: Network, x: np.ndarray) -> int:
    """Floating-point operations of one forward pass of raw items (N, ...), 2 for a multiply-add.

    Of what writes: with a target as long as the source.
    Raises RuntimeError where torch counts none: it lacks a formula for what this network is made of.
    """
    item = torch.from_numpy(x)
    counted = count(network, item, *([item.long()] if network.writes else []))
    if not counted:
        raise RuntimeError("torch counted 0 operations for this network; register a formula for its layers")
    return counted


def count(network: nn.Module, *inputs: Tensor) -> int:
    """The operations of `network(*inputs)` as torch counts them, and those of LSTM layers, which it leaves out."""
    formulas = {torch.ops.aten.mkldnn_rnn_layer: _lstm_flops}
    with FlopCounterMode(display=False, custom_mapping=formulas) as counter, torch.no_grad():
        network(*inputs)
    return counter.get_total_flops()


def _lstm_flops(x: Sequence[int], w_input: Sequence[int], w_hidden: Sequence[int], *_: Any, **__: Any) -> int:
    """Shapes: steps (T, N, F), weights (4H, F) and (4H, H)."""
    return 2 * x[0] * x[1] * w_input[0] * (w_input[1] + w_hidden[1])
