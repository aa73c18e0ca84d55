"""Recurrent networks against torch's cells stepped by hand, and what padding may not do."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from pipeline.models import gru, lstm, rnn

LENGTHS = [9, 4, 1, 7]
MODELS = [
    pytest.param(rnn, nn.RNNCell, {"activation": "tanh"}, id="rnn-tanh"),
    pytest.param(rnn, nn.RNNCell, {"activation": "relu"}, id="rnn-relu"),
    pytest.param(lstm, nn.LSTMCell, {}, id="lstm"),
    pytest.param(gru, nn.GRUCell, {}, id="gru"),
]


def series(lengths: list[int] = LENGTHS, features: int = 3, longest: int = 9) -> Tensor:
    x = torch.randn(len(lengths), longest, features, generator=torch.Generator().manual_seed(1))
    for row, length in zip(x, lengths, strict=True):
        row[length:] = torch.nan
    return x


def stepped(kind: Any, layer: Any, steps: Tensor, options: dict[str, Any]) -> Tensor:
    """States (T, H) of one series (T, F), by torch's own cell."""
    extra = {"nonlinearity": options["activation"]} if options else {}
    cell = kind(layer.input_size, layer.hidden_size, **extra)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    state, states = None, []
    for step in steps:
        state = cell(step[None], state)
        states.append((state[0] if isinstance(state, tuple) else state)[0])
    return torch.stack(states)


@pytest.mark.parametrize(("module", "kind", "options"), MODELS)
@pytest.mark.parametrize("pool", ["last", "mean", "max"])
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (2, False), (1, True), (2, True)])
def test_it_is_torch_s_cell_stepped_by_hand(
    module: Any, kind: Any, options: dict[str, Any], pool: str, layers: int, bidirectional: bool
) -> None:
    network = module.build((9, 3), 5, hidden=6, layers=layers, bidirectional=bidirectional, pool=pool, **options).eval()
    x = series()
    with torch.no_grad():
        found = network(x)
        for row, length, answer in zip(x, LENGTHS, found, strict=True):
            states = row[:length]
            for layer in network.layers:
                ways = [stepped(kind, layer.ways[0], states, options)]
                if bidirectional:
                    ways.append(stepped(kind, layer.ways[1], states.flip(0), options).flip(0))
                states = torch.cat(ways, dim=1)
            last = torch.cat([way[0 if place else -1] for place, way in enumerate(ways)])
            expected = {"last": last, "mean": states.mean(0), "max": states.amax(0)}[pool]
            torch.testing.assert_close(answer, network.head(expected), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("module", "kind", "options"), MODELS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_never_changes_a_result(module: Any, kind: Any, options: dict[str, Any], bidirectional: bool) -> None:
    network = module.build((9, 3), 5, hidden=6, bidirectional=bidirectional, layers=2, **options).eval()
    x = series()
    longer = torch.cat([x, torch.full((4, 5, 3), torch.nan)], dim=1)
    with torch.no_grad():
        torch.testing.assert_close(network(longer), network(x), atol=1e-6, rtol=1e-6)
        for row, length, answer in zip(x, LENGTHS, network(x), strict=True):
            torch.testing.assert_close(network(row[None, :length])[0], answer, atol=1e-5, rtol=1e-5)


def test_it_is_what_torch_s_packed_sequences_give() -> None:
    network: Any = lstm.build((9, 3), 5, hidden=6, bidirectional=True, pool="last").eval()
    torchs = nn.LSTM(3, 6, batch_first=True, bidirectional=True)
    weights = {f"{n}{suffix}": v for layer, suffix in zip(network.layers[0].ways, ("", "_reverse"), strict=True)
               for n, v in layer.state_dict().items()}  # fmt: skip
    torchs.load_state_dict(weights)
    packed = pack_padded_sequence(series().nan_to_num(), torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    with torch.no_grad():
        _, (states, _) = torchs(packed)
        torch.testing.assert_close(network(series()), network.head(torch.cat([*states], dim=1)), atol=1e-5, rtol=1e-5)


def test_weights_start_as_the_docstrings_say() -> None:
    long_short: Any = lstm.build((9, 3), 5, hidden=6).get_submodule("layers.0.ways.0")
    assert (long_short.bias_ih_l0[6:12] == 1).all() and not long_short.bias_ih_l0[:6].any()
    for gate in long_short.weight_hh_l0.split(6):
        torch.testing.assert_close(gate @ gate.T, torch.eye(6), atol=1e-5, rtol=1e-5)
    rectified: Any = rnn.build((9, 3), 5, hidden=6, activation="relu").get_submodule("layers.0.ways.0")
    assert torch.equal(rectified.weight_hh_l0, torch.eye(6))
