"""What every architecture has to do. Whatever lies in pipeline/models is under test, with no list of it here.

Those that write sentences have their own in test_translators.py.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from pipeline import introspection
from pipeline.compress.methods.onnx import export
from pipeline.data.kinds import KINDS
from pipeline.training import network as networks
from pipeline.training.bayesian import with_bayesian_last_layer
from tests.models import cases
from tests.models.cases import OUTPUTS, SHAPES, Case, each, every_size, loss_of, module


def test_an_architecture_says_what_it_is_and_what_it_takes() -> None:
    for name in introspection.names("models"):
        said = module(name).__doc__ or ""
        assert len(said.split()) > 15 and set(module(name).INPUTS) <= set(SHAPES), name
        assert module(name).build.__doc__, f"{name}: shapes belong into the docstring of build"
        introspection.options(f"models/{name}", "build")


@each
def test_what_it_cannot_be_combined_with_is_said_before_it_is_tried(case: Case) -> None:
    """A recipe that a network can't follow is refused by its file's REQUIRES, before any stage."""

    def refused(**recipe: Any) -> str | None:
        return cases.refused(case.name, case.args, case.target, **recipe)

    network = case.build()
    assert refused() is None
    own = hasattr(network, "training_loss")
    for change in ({"label_smoothing": 0.1}, {"sampling": "weighted"}, {"mixup": 0.2}, {"cutmix": 1.0}):
        assert bool(refused(**change)) is own
    if case.target == "tags":  # a Bayesian layer gives one answer an item
        assert refused(last_layer="bayesian")
        return
    try:
        with_bayesian_last_layer(network, OUTPUTS)
    except ValueError:
        assert refused(last_layer="bayesian")
    else:
        assert not refused(last_layer="bayesian")


@every_size
def test_outputs_have_the_right_shape_and_are_numbers(case: Case) -> None:
    network = case.build().eval()
    for count in (1, 5):
        x = case.items(count)
        out = network(x)
        assert out.shape == (*case.there(x).shape, OUTPUTS) and out.isfinite().all()


@each
def test_every_parameter_receives_a_gradient(case: Case) -> None:
    network = case.build().train()
    x = case.items(8)
    loss_of(network, x, case.targets(x)).backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    still = [n for n, p in network.named_parameters() if p.grad is not None and not p.grad.any()]
    assert not without and not still


@each
def test_it_can_learn_one_batch_by_heart(case: Case) -> None:
    network, x = case.build().train(), case.items(8)
    y, there = case.targets(x), case.there(x)
    x = x.round() if case.kind == "image" else x  # black and white, so that images of noise differ
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
            if losses[-1] < losses[0] / 2 and (network(x).argmax(-1) == y)[there].all():
                return
    pytest.fail(f"eight items are too many for it: losses {losses[::20]}")


@each
def test_saved_and_loaded_it_gives_equal_outputs(case: Case, tmp_path: Path) -> None:
    network, other = case.build().eval(), case.build().eval()
    for parameter in other.parameters():
        parameter.data.add_(1.0)
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    other.load_state_dict(load_file(tmp_path / "w.safetensors"))
    x = case.items(4)
    assert torch.equal(network(x), other(x))


@each
def test_in_use_an_answer_depends_on_its_item_alone(case: Case) -> None:
    network, x = case.build().eval(), case.items(6)
    there = case.there(x)
    with torch.no_grad():
        together = network(x)
        assert torch.equal(together, network(x)), "two calls differ"
        torch.testing.assert_close(network(x[2:3])[there[2:3]], together[2:3][there[2:3]], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(network(x.flip(0)).flip(0)[there], together[there], atol=1e-4, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("case", list(cases.cases(first=True, kinds=("image", "series", "tabular"))))
def test_onnx_takes_any_batch_and_agrees(case: Case, tmp_path: Path) -> None:
    channels = case.shape[-1] if case.kind == "series" else case.shape[0]
    body = case.build().eval()
    network = networks.Network(body, "none", KINDS[case.kind], torch.zeros(channels), torch.ones(channels)).eval()
    export(network, case.shape, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    for count in (1, 3, 7):
        x = case.items(count, seed=count)
        with torch.no_grad():
            expected = network(x).numpy()
        np.testing.assert_allclose(session.run(["logits"], {"input": x.numpy()})[0], expected, atol=1e-4, rtol=1e-3)


@each
def test_operations_are_counted(case: Case) -> None:
    """At least one multiply-add for each weight that is a matrix: a part that torch doesn't count would be missed."""
    network = case.build().eval()
    x = case.items(1).nan_to_num()
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
def test_half_the_bits_give_numbers(case: Case) -> None:
    network, x = case.build().train(), case.items(4)
    with torch.autocast("cpu", torch.bfloat16):
        loss = loss_of(network, x, case.targets(x))
    loss.backward()
    assert loss.isfinite() and all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())
