"""Starts of weights against the moments, or the angles, that their papers give."""

from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from pipeline.data.spec import Vocabulary
from pipeline.models import gru, lstm, mlp, rnn, transformer_encoder
from pipeline.training import initialisation
from pipeline.training.bayesian import with_bayesian_last_layer
from pipeline.training.recipe import Gradient

# (layer, fan in, fan out) of the blocks of its weights that start on their own.
LAYERS: dict[str, tuple[Any, int, int]] = {
    "dense": (lambda: nn.Linear(400, 200), 400, 200),
    "convolution 1d": (lambda: nn.Conv1d(80, 200, 5), 400, 1000),
    "convolution 2d": (lambda: nn.Conv2d(50, 200, 3), 450, 1800),
    "rnn": (lambda: nn.RNN(200, 200), 200, 200),
    "gru": (lambda: nn.GRU(200, 200), 200, 200),
    "lstm": (lambda: nn.LSTM(200, 200), 200, 200),
}


def blocks(layer: Any) -> list[Tensor]:
    if not isinstance(layer, nn.RNNBase):
        return [layer.weight.flatten(1)]
    return [gate for name, p in layer.named_parameters() if "weight" in name for gate in p.split(layer.hidden_size)]


def test_every_name_of_a_recipe_is_there() -> None:
    names = get_args(Gradient.model_fields["initialisation"].annotation)
    assert set(names) == {"default", *initialisation.INITIALISATIONS}


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("how", initialisation.INITIALISATIONS)
def test_weights_have_the_moments_of_their_papers(how: str, kind: str) -> None:
    torch.manual_seed(0)
    make, fan_in, fan_out = LAYERS[kind]
    layer = make()
    initialisation.apply(nn.Sequential(layer), how)
    rows, columns = blocks(layer)[0].shape
    deviation = {
        "xavier": (2 / (fan_in + fan_out)) ** 0.5,
        "kaiming": (2 / fan_in) ** 0.5,
        "orthogonal": max(rows, columns) ** -0.5,
        "truncated": 0.02 * 0.8796,  # a normal cut at two deviations
    }[how.partition("_")[0]]
    for block in blocks(layer):
        assert block.mean().item() == pytest.approx(0.0, abs=4 * deviation / block.numel() ** 0.5)
        assert block.std().item() == pytest.approx(deviation, rel=0.02)
        if how.endswith("uniform"):
            assert block.abs().max() <= deviation * 3**0.5
        if how == "orthogonal":
            torch.testing.assert_close(block @ block.T, torch.eye(rows), atol=1e-5, rtol=0)
    if not isinstance(layer, nn.RNNBase):
        assert not layer.bias.any()


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (mlp.build((4,), 3, batch_norm=True), ["1.weight", "1.bias", "1.running_mean"]),
        (with_bayesian_last_layer(mlp.build((4,), 3), 3), ["2.log_deviation"]),
        (lstm.build((4, 5), 3), ["layers.0.ways.0.bias_ih_l0", "layers.0.ways.0.bias_hh_l0"]),
        (gru.build((4, 5), 3, bidirectional=True), ["layers.0.ways.1.bias_ih_l0"]),
        (
            transformer_encoder.build((4,), 3, Vocabulary(size=9)),
            ["embedding.table.weight", "positions.table"],
        ),
    ],
    ids=["norm", "deviations", "forget gate", "gru", "embedding and positions"],
)
def test_what_is_no_weight_of_a_unit_keeps_its_start(body: nn.Module, kept: list[str]) -> None:
    before = {name: value.clone() for name, value in body.state_dict().items()}
    initialisation.apply(body, "orthogonal")
    after = body.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in kept)
    assert any(not torch.equal(before[name], after[name]) for name in after)


@pytest.mark.parametrize("how", initialisation.INITIALISATIONS)
def test_the_memory_order_of_images_changes_no_weight(how: str) -> None:
    layers = nn.Conv2d(3, 8, 3), nn.Conv2d(3, 8, 3).to(memory_format=torch.channels_last)
    for layer in layers:
        torch.manual_seed(0)
        initialisation.apply(layer, how)
    assert torch.equal(layers[0].weight, layers[1].weight)
    assert layers[1].weight.is_contiguous(memory_format=torch.channels_last)


def test_by_default_nothing_changes_and_nothing_is_drawn() -> None:
    body = rnn.build((4, 5), 3)
    before, state = [p.clone() for p in body.parameters()], torch.get_rng_state()
    initialisation.apply(body, "default")
    assert all(map(torch.equal, before, body.parameters())) and torch.equal(state, torch.get_rng_state())
