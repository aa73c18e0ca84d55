"""What every architecture has to do. Whatever lies in pipeline/models is under test, with no list of it here."""

import importlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from pipeline import introspection
from pipeline.compress.methods.onnx import export
from pipeline.data.kinds import KINDS
from pipeline.data.spec import Vocabulary
from pipeline.training import network as networks
from pipeline.training.bayesian import with_bayesian_last_layer
from pipeline.training.recipe import Gradient

OUTPUTS, TOKENS = 4, 30
LARGE = 3_000_000  # weights of a network whose tests are slow
SHAPES: dict[str, list[tuple[int, ...]]] = {
    "image": [(1, 28, 28), (3, 32, 32), (3, 64, 64)],
    "series": [(9, 5), (24, 1)],
    "tabular": [(3,), (40,)],
    "tokens": [(11,)],
}


def module(name: str) -> ModuleType:
    return importlib.import_module(f"pipeline.models.{name}")


def build(name: str, kind: str, shape: tuple[int, ...]) -> nn.Module:
    torch.manual_seed(0)
    vocabulary: Any = TOKENS if name == "transformer_encoder" else Vocabulary(size=TOKENS)
    known = {"vocabulary": vocabulary} if kind == "tokens" else {}
    return module(name).build(shape, OUTPUTS, **known)


def items(kind: str, shape: tuple[int, ...], count: int, seed: int = 0) -> Tensor:
    """Inputs of a kind; series are of different lengths, and so are texts."""
    generator = torch.Generator().manual_seed(seed)
    if kind == "tokens":
        x = torch.randint(1, TOKENS, (count, *shape), generator=generator)
    else:
        x = torch.randn(count, *shape, generator=generator)
    for n in range(count if kind in ("series", "tokens") else 0):
        x[n, shape[0] - n % (shape[0] - 1) :] = 0 if kind == "tokens" else torch.nan
    return x.sigmoid() if kind == "image" else x


@cache
def fitting(name: str) -> list[tuple[str, tuple[int, ...], int]]:
    """(kind, shape, number of weights) that it can be built for; others it has to refuse by a ValueError."""
    found = []
    for kind in module(name).INPUTS:
        for shape in SHAPES[kind]:
            try:
                network = build(name, kind, shape)
            except ValueError as error:
                assert name in str(error), "an error names the thing"
            else:
                found.append((kind, shape, sum(p.numel() for p in network.parameters())))
    assert {kind for kind, *_ in found} == set(module(name).INPUTS), f"{name}: give SHAPES a size that it takes"
    return found


def cases(first: bool = False) -> Iterator[Any]:
    """Every architecture with every kind of input; all sizes, or the first one only."""
    for name in introspection.names("models"):
        seen: set[str] = set()
        for kind, shape, size in fitting(name):
            if not (first and kind in seen):
                marks = [pytest.mark.slow] if size > LARGE else []
                yield pytest.param(name, kind, shape, marks=marks, id=f"{name}-{kind}-{'x'.join(map(str, shape))}")
            seen.add(kind)


every_size = pytest.mark.parametrize(("name", "kind", "shape"), list(cases()))
each = pytest.mark.parametrize(("name", "kind", "shape"), list(cases(first=True)))


def loss_of(network: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    if hasattr(network, "training_loss"):
        return network.training_loss(x, y)[0]  # type: ignore[operator, no-any-return]
    return functional.cross_entropy(network(x), y)


def test_an_architecture_says_what_it_is_and_what_it_takes() -> None:
    for name in introspection.names("models"):
        said = module(name).__doc__ or ""
        assert len(said.split()) > 15 and set(module(name).INPUTS) <= set(SHAPES), name
        assert module(name).build.__doc__, f"{name}: shapes belong into the docstring of build"
        introspection.options(f"models/{name}", "build")


@each
def test_what_it_cannot_be_combined_with_is_said_before_it_is_tried(
    name: str, kind: str, shape: tuple[int, ...]
) -> None:
    """A recipe that a network can't follow is refused by its file's REQUIRES, before any stage."""

    def refused(**recipe: Any) -> str | None:
        usual = Gradient(kind="gradient", scaling="unit").model_dump()
        return introspection.refused(f"models/{name}", {}, usual | recipe, "class", False)

    network = build(name, kind, shape)
    assert refused() is None
    own = hasattr(network, "training_loss")
    for change in ({"label_smoothing": 0.1}, {"sampling": "weighted"}, {"mixup": 0.2}, {"cutmix": 1.0}):
        assert bool(refused(**change)) is own
    try:
        with_bayesian_last_layer(network, OUTPUTS)
    except ValueError:
        assert refused(last_layer="bayesian")
    else:
        assert not refused(last_layer="bayesian")


@every_size
def test_outputs_have_the_right_shape_and_are_numbers(name: str, kind: str, shape: tuple[int, ...]) -> None:
    network = build(name, kind, shape).eval()
    for count in (1, 5):
        out = network(items(kind, shape, count))
        assert out.shape == (count, OUTPUTS) and out.isfinite().all()


@each
def test_every_parameter_receives_a_gradient(name: str, kind: str, shape: tuple[int, ...]) -> None:
    network = build(name, kind, shape).train()
    y = torch.arange(8) % OUTPUTS
    loss_of(network, items(kind, shape, 8), y).backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    still = [n for n, p in network.named_parameters() if p.grad is not None and not p.grad.any()]
    assert not without and not still


@each
def test_it_can_learn_one_batch_by_heart(name: str, kind: str, shape: tuple[int, ...]) -> None:
    network, x, y = build(name, kind, shape).train(), items(kind, shape, 8), torch.arange(8) % OUTPUTS
    x = x.round() if kind == "image" else x  # black and white, so that images of noise differ
    for layer in network.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    optimizer, losses = torch.optim.Adam(network.parameters(), 1e-3, fused=True), []
    for _ in range(200):
        optimizer.zero_grad()
        loss = loss_of(network, x, y)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        with torch.no_grad():
            if losses[-1] < losses[0] / 2 and (network(x).argmax(1) == y).all():
                return
    pytest.fail(f"eight items are too many for it: losses {losses[::20]}")


@each
def test_saved_and_loaded_it_gives_equal_outputs(name: str, kind: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    network, other = build(name, kind, shape).eval(), build(name, kind, shape).eval()
    for parameter in other.parameters():
        parameter.data.add_(1.0)
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    other.load_state_dict(load_file(tmp_path / "w.safetensors"))
    x = items(kind, shape, 4)
    assert torch.equal(network(x), other(x))


@each
def test_in_use_an_answer_depends_on_its_item_alone(name: str, kind: str, shape: tuple[int, ...]) -> None:
    network, x = build(name, kind, shape).eval(), items(kind, shape, 6)
    with torch.no_grad():
        together = network(x)
        assert torch.equal(together, network(x)), "two calls differ"
        torch.testing.assert_close(network(x[2:3]), together[2:3], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(network(x.flip(0)), together.flip(0), atol=1e-4, rtol=1e-4)


@pytest.mark.slow
@each
def test_onnx_takes_any_batch_and_agrees(name: str, kind: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    if kind == "tokens":
        pytest.skip("no data set has tokens yet, so a Network, which is what is exported, takes none")
    channels = shape[-1] if kind == "series" else shape[0]
    body = build(name, kind, shape).eval()
    network = networks.Network(body, "none", KINDS[kind], torch.zeros(channels), torch.ones(channels)).eval()
    export(network, shape, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    for count in (1, 3, 7):
        x = items(kind, shape, count, seed=count)
        with torch.no_grad():
            expected = network(x).numpy()
        np.testing.assert_allclose(session.run(["logits"], {"input": x.numpy()})[0], expected, atol=1e-4, rtol=1e-3)


@each
def test_operations_are_counted(name: str, kind: str, shape: tuple[int, ...]) -> None:
    """At least one multiply-add for each weight that is a matrix: a part that torch doesn't count would be missed."""
    network = build(name, kind, shape).eval()
    x = items(kind, shape, 1).nan_to_num()
    tables = [m for m in network.modules() if isinstance(m, nn.Embedding)]
    looked_up = {id(p) for m in tables for p in m.parameters()} | {
        id(p) for n, p in network.named_parameters() if "table" in n
    }
    weights = sum(p.numel() for p in network.parameters() if p.ndim > 1 and id(p) not in looked_up)
    decoder = sum(p.numel() for n, p in network.named_parameters() if n.startswith("decoder.") and p.ndim > 1)
    small = sum(
        p.numel() for n, p in network.named_parameters() if n.split(".")[-1] in ("coefficient", "bias") and p.ndim > 1
    )
    assert networks.count(network, x) >= 2 * (weights - decoder - small)


@each
def test_half_the_bits_give_numbers(name: str, kind: str, shape: tuple[int, ...]) -> None:
    network, y = build(name, kind, shape).train(), torch.arange(4) % OUTPUTS
    with torch.autocast("cpu", torch.bfloat16):
        loss = loss_of(network, items(kind, shape, 4), y)
    loss.backward()
    assert loss.isfinite() and all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())
