"""Dropout and stochastic depth as arguments of architectures."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torchvision.ops import StochasticDepth

from pipeline.data.spec import Vocabulary
from pipeline.models import gru, lenet5, lstm, lstm_crf, resnet, rnn, transformer_encoder

IMAGE = (1, 28, 28)


@pytest.mark.parametrize("model", [lenet5, resnet])
def test_dropout_stands_before_the_last_dense_layer_and_acts_in_training_alone(model: Any) -> None:
    network, x = model.build(IMAGE, 10, dropout=0.5), torch.rand(4, *IMAGE)
    *_, before, last = network.modules()
    assert isinstance(before, nn.Dropout) and isinstance(last, nn.Linear)
    assert not torch.equal(network(x), network(x))
    assert torch.equal(network.eval()(x), network(x))
    assert not any(isinstance(m, nn.Dropout) for m in model.build(IMAGE, 10).modules())


@pytest.mark.parametrize(
    ("model", "args", "expected"),
    [
        (resnet, {"depth": 14}, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        (transformer_encoder, {"layers": 3}, [0.2, 0.4, 0.6]),
    ],
)
def test_the_probability_to_skip_rises_linearly(model: Any, args: dict[str, Any], expected: list[float]) -> None:
    network = model.build(IMAGE, 10, stochastic_depth=0.6, **args)
    dropping = [m for m in network.modules() if isinstance(m, StochasticDepth)]
    assert [m.p for m in dropping] == pytest.approx(expected) and {m.mode for m in dropping} == {"row"}
    assert network.state_dict().keys() == model.build(IMAGE, 10, **args).state_dict().keys()


def test_a_skipped_block_is_its_shortcut_and_a_kept_one_is_scaled_up() -> None:
    torch.manual_seed(0)
    block, x = resnet.Block(4, 4, 1, "A", drop=0.5), torch.rand(200, 4, 3, 3)
    branch = block.norm2(block.conv2(block.norm1(block.conv1(x)).relu()))
    found, skipped, kept = block(x), x.relu(), (x + 2 * branch).relu()
    which = [bool((f == s).all()) for f, s in zip(found, skipped, strict=True)]
    assert 70 < sum(which) < 130
    for skip, f, k in zip(which, found, kept, strict=True):
        assert skip or torch.allclose(f, k, atol=1e-5)


@pytest.mark.parametrize("model", [lstm, gru, rnn, lstm_crf])
def test_a_recurrent_network_drops_between_layers_and_before_its_head_and_nowhere_else(model: Any) -> None:
    x = torch.randint(1, 20, (3, 7), generator=torch.Generator().manual_seed(0))
    build = partial(model.build, (7,), 4, Vocabulary(size=20, padding=0), hidden=8, layers=3, embedding_dropout=0.0)
    torch.manual_seed(0)
    plain = build()
    torch.manual_seed(0)
    network = build(dropout=0.5)
    assert [*network.state_dict()] == [*plain.state_dict()]
    assert torch.equal(network.eval()(x), plain.eval()(x)) and torch.equal(plain.train()(x), plain(x))

    body, given = getattr(network.train(), "emissions", network), []
    for layer in [*body.layers, body.head]:
        layer.register_forward_pre_hook(lambda _, inputs: given.append((inputs[0] == 0).float().mean().item()))
    network(x)
    assert given[0] == 0 and given[1:] == pytest.approx([0.5] * 3, abs=0.25)
