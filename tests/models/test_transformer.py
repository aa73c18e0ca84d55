"""The encoder against torch's own layer, and what padding, batches and order may and may not do."""

from typing import Any

import pytest
import torch
from torch import nn

from pipeline.data.spec import Vocabulary
from pipeline.models import transformer_encoder


def test_a_layer_is_torch_s_pre_norm_encoder_layer() -> None:
    ours = transformer_encoder.Layer(16, 4, 32, 0.0).eval()
    theirs = nn.TransformerEncoderLayer(16, 4, 32, 0.0, "gelu", batch_first=True, norm_first=True).eval()
    theirs.load_state_dict(
        {
            "self_attn.in_proj_weight": ours.qkv.weight,
            "self_attn.in_proj_bias": ours.qkv.bias,
            "self_attn.out_proj.weight": ours.out.weight,
            "self_attn.out_proj.bias": ours.out.bias,
            "linear1.weight": ours.up.weight,
            "linear1.bias": ours.up.bias,
            "linear2.weight": ours.down.weight,
            "linear2.bias": ours.down.bias,
            **{
                f"norm{i}.{part}": getattr(getattr(ours, f"norm{i}"), part)
                for i in (1, 2)
                for part in ("weight", "bias")
            },
        }
    )
    x, there = torch.randn(3, 7, 16), torch.arange(7)[None] < torch.tensor([[7], [4], [1]])
    expected = theirs(x, src_key_padding_mask=~there)
    found = ours(x, there[:, None, None])
    torch.testing.assert_close(found[there], expected[there], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("positions", ["learned", "sinusoidal"])
@pytest.mark.parametrize("kind", ["series", "tokens"])
def test_padding_never_changes_a_result(kind: str, positions: Any) -> None:
    torch.manual_seed(0)
    if kind == "series":
        network = transformer_encoder.build((12, 3), 4, positions=positions).eval()
        x, fill = torch.randn(3, 12, 3), torch.nan
    else:
        network = transformer_encoder.build((12,), 4, Vocabulary(size=20), positions=positions).eval()
        x, fill = torch.randint(1, 20, (3, 12)), 0
    lengths = [12, 5, 1]
    for row, length in zip(x, lengths, strict=True):
        row[length:] = fill
    with torch.no_grad():
        together = network(x)
        for row, length, answer in zip(x, lengths, together, strict=True):
            torch.testing.assert_close(network(row[None, :length])[0], answer, atol=1e-5, rtol=1e-5)


def test_patches_are_squares_of_the_image() -> None:
    patches = transformer_encoder.Patches(2, 4, 32)
    x = torch.randn(1, 2, 8, 12)
    with torch.no_grad():
        found, there = patches(x)
        expected = patches.project(x[0, :, 4:, 8:].flatten())
    assert found.shape == (1, 6, 32) and there is None
    torch.testing.assert_close(found[0, 5], expected)


def test_sinusoidal_positions_are_the_paper_s() -> None:
    table = transformer_encoder.Sinusoidal(50, 16).table
    for position, i in ((0, 0), (3, 1), (49, 7)):
        angle = torch.tensor(position / 10_000 ** (2 * i / 16))
        torch.testing.assert_close(table[position, 2 * i], angle.sin(), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(table[position, 2 * i + 1], angle.cos(), atol=1e-5, rtol=1e-5)


def test_order_matters_by_the_positions_alone() -> None:
    network: Any = transformer_encoder.build((6, 3), 4).eval()
    x = torch.randn(2, 6, 3)
    with torch.no_grad():
        assert not torch.allclose(network(x), network(x.flip(1)), atol=1e-4)
        network.positions.table.zero_()
        torch.testing.assert_close(network(x), network(x.flip(1)), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "options", "said"),
    [
        ((1, 28, 28), {"patch": 5}, "28 x 28 can't be cut into patches of 5"),
        ((9, 3), {"width": 30, "heads": 4}, "width 30 is no multiple of 4 heads"),
        ((9,), {}, "a network of tokens needs their `vocabulary`"),
    ],
)
def test_what_does_not_fit_is_named(shape: tuple[int, ...], options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        transformer_encoder.build(shape, 4, **options)
