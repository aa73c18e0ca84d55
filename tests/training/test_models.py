"""Networks against what their papers count."""

import pytest
import torch

from pipeline.models import cnn, lenet5, mlp, resnet20


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_lenet5_has_the_modern_form_s_parameters() -> None:
    assert parameters(lenet5.build((1, 28, 28), 10)) == parameters(lenet5.build((1, 32, 32), 10)) == 61_706


def test_resnet20_has_the_paper_s_parameters() -> None:
    """0.27 M in the paper's table 6; with shortcut A and 3 channels exactly these."""
    assert parameters(resnet20.build((3, 32, 32), 10)) == 269_722


def test_resnet20_shortcut_subsamples_and_pads_with_zeros() -> None:
    network = resnet20.build((1, 8, 8), 2).eval()
    block = next(m for m in network if getattr(m, "stride", 1) == 2)
    for convolution in (block.conv1, block.conv2):
        torch.nn.init.zeros_(convolution.weight)
    x = torch.rand(1, 16, 8, 8)
    with torch.no_grad():
        out = block(x)
    torch.testing.assert_close(out[:, :16], x[:, :, ::2, ::2])
    assert not out[:, 16:].any()


def test_counts_by_hand() -> None:
    assert parameters(mlp.build((784,), 10, hidden=[64])) == 784 * 64 + 64 + 64 * 10 + 10
    assert parameters(cnn.build((1, 28, 28), 10)) == (9 * 32 + 32) + (32 * 13 * 13 * 100 + 100) + (100 * 10 + 10)


def test_sizes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match="8 x 8; it takes 28 x 28 or 32 x 32"):
        lenet5.build((1, 8, 8), 10)
