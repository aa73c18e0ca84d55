"""SimCLR's loss against NumPy written from the equation, its views, and what a masked autoencoder can see."""

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.models import resnet, transformer_encoder
from pipeline.pretraining.methods import masked_autoencoder, simclr
from pipeline.training.blocks import head_name, replace


def equation_1(z: np.ndarray, temperature: float) -> float:
    """Chen et al. 2020: mean over all ordered pairs (i, j) of two views of one image, here rows k and N + k."""
    n = len(z) // 2
    similarity = z @ z.T / np.outer(np.linalg.norm(z, axis=1), np.linalg.norm(z, axis=1))
    total = 0.0
    for k in range(n):
        for i, j in ((k, n + k), (n + k, k)):
            others = sum(np.exp(similarity[i, m] / temperature) for m in range(2 * n) if m != i)
            total += -np.log(np.exp(similarity[i, j] / temperature) / others)
    return total / (2 * n)


def test_nt_xent_is_equation_1() -> None:
    z = np.random.default_rng(0).normal(size=(12, 5))
    for temperature in (0.1, 0.5, 1.0):
        loss, found = simclr.nt_xent(torch.from_numpy(z), temperature)
        np.testing.assert_allclose(loss.item(), equation_1(z, temperature), rtol=1e-12)
        assert found.shape == (12,)


def test_nt_xent_s_gradient() -> None:
    z = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(lambda z: simclr.nt_xent(z, 0.5)[0], z)


def test_pairs_that_are_alike_find_each_other() -> None:
    one = torch.eye(4)
    loss, found = simclr.nt_xent(torch.cat([one, one]), 0.1)
    assert found.all() and loss < 0.01
    assert not simclr.nt_xent(torch.cat([one, one.roll(1, 0)]), 0.1)[1].any()


def test_views_are_drawn_for_each_item_and_keep_shape_and_range() -> None:
    torch.manual_seed(0)
    x = torch.rand(1, 3, 20, 24).expand(50, -1, -1, -1)
    seen = simclr.view(x, 0.2)
    assert seen.shape == x.shape and seen.isfinite().all()
    assert len({round(v, 5) for v in seen[:, 0, 3, 3].tolist()}) > 45
    flat = simclr.view(torch.full((5, 1, 8, 8), 0.3), 0.2)
    torch.testing.assert_close(flat, flat[:, :, :1, :1].expand_as(flat), msg="a crop stays within its image")


def test_a_whole_crop_is_the_image_or_its_mirror_but_for_light() -> None:
    torch.manual_seed(1)
    x = torch.randn(200, 1, 12, 12)
    seen = simclr.view(x, 1.0)
    wide = (seen.std((1, 2, 3)) / x.std((1, 2, 3))).sub(1).abs() < simclr.JITTER + 0.2
    assert wide.float().mean() > 0.9
    left, right = seen[:, 0, :, 0], seen[:, 0, :, -1]

    def like(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
        return (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))

    mirrored = like(left, x[:, 0, :, -1]) > like(left, x[:, 0, :, 0])
    assert 60 < mirrored.sum() < 140 and right.shape == left.shape


def encoder(patch: int = 7, positions: str = "learned") -> tuple[nn.Module, masked_autoencoder.MaskedAutoencoder]:
    torch.manual_seed(0)
    body = transformer_encoder.build((1, 28, 28), 10, patch=patch, width=16, hidden=32, layers=2, positions=positions)  # type: ignore[arg-type]
    replace(body, head_name(body), nn.Identity())
    wrapped = masked_autoencoder.wrap(body, 16, (1, 28, 28), masked=0.75)
    assert isinstance(wrapped, masked_autoencoder.MaskedAutoencoder)
    return body, wrapped


def test_masked_patches_do_not_reach_the_encoder() -> None:
    _, wrapped = encoder()
    x, order = torch.randn(3, 1, 28, 28), torch.rand(3, 16).argsort(1)
    assert wrapped.kept == 4
    cut = wrapped.patches.cut(x)
    other = cut.clone()
    for item in range(3):
        other[item, order[item, 4:]] = 99.0
    fold = nn.functional.fold(other.transpose(1, 2), (28, 28), 7, stride=7)
    assert not torch.equal(fold, x)
    torch.testing.assert_close(wrapped.encode(fold, order), wrapped.encode(x, order), rtol=0, atol=0)
    shown = wrapped.encode(torch.where(fold == 99.0, x, x + 1), order)
    assert not torch.allclose(shown, wrapped.encode(x, order)), "visible ones do"


def test_the_encoder_on_all_patches_is_the_network_itself() -> None:
    body, wrapped = encoder()
    x = torch.randn(3, 1, 28, 28)
    wrapped.kept = 16
    order = torch.rand(3, 16).argsort(1)
    torch.testing.assert_close(wrapped.encode(x, order).mean(1), body(x))


def test_the_loss_is_of_masked_patches_alone_each_normalised() -> None:
    _, wrapped = encoder()
    x = torch.randn(5, 1, 28, 28)
    torch.manual_seed(3)
    loss, scores = wrapped.training_loss(x, torch.zeros(5))
    torch.manual_seed(3)
    order = torch.rand(5, 16).argsort(1)
    predicted = wrapped.decode(wrapped.encode(x, order), order).detach().numpy()
    errors, r2 = [], []
    for item in range(5):
        squares = spread = 0.0
        for place in order[item, 4:].tolist():
            row, column = divmod(place, 4)
            patch = x[item, 0, 7 * row : 7 * row + 7, 7 * column : 7 * column + 7].numpy().ravel()
            target = (patch - patch.mean()) / np.sqrt(patch.var(ddof=1) + 1e-6)
            errors.append(((predicted[item, place] - target) ** 2).mean())
            squares, spread = squares + ((predicted[item, place] - target) ** 2).sum(), spread + (target**2).sum()
        r2.append(1 - squares / spread)
    assert len(errors) == 5 * 12
    np.testing.assert_allclose(loss.item(), np.mean(errors), rtol=1e-5)
    np.testing.assert_allclose(scores.numpy(), r2, rtol=1e-4)


def test_a_patch_of_one_colour_has_nothing_to_tell() -> None:
    assert masked_autoencoder.normalised(torch.full((2, 3, 9), 0.4)).abs().max() < 1e-3
    _, wrapped = encoder(patch=14, positions="sinusoidal")
    loss, scores = wrapped.training_loss(torch.zeros(2, 1, 28, 28), torch.zeros(2))
    assert loss.isfinite() and scores.isfinite().all()


@pytest.mark.parametrize(("masked", "kept"), [(0.02, 15), (0.75, 4), (0.99, 1)])
def test_at_least_one_patch_is_masked_and_one_is_seen(masked: float, kept: int) -> None:
    body, _ = encoder()
    wrapped = masked_autoencoder.wrap(body, 16, (1, 28, 28), masked=masked)
    loss, _ = wrapped.training_loss(torch.randn(4, 1, 28, 28), torch.zeros(4))  # type: ignore[operator]
    assert wrapped.kept == kept and loss.isfinite()
    whole, _ = encoder(patch=14)
    with pytest.raises(ValueError, match="the image is one patch"):
        masked_autoencoder.wrap(whole, 16, (1, 14, 14), masked=masked)


def test_every_parameter_of_a_wrapped_network_learns() -> None:
    _, wrapped = encoder()
    small = resnet.build((1, 28, 28), 10, depth=8, width=4)
    width = replace(small, head_name(small), nn.Identity()).in_features
    assert isinstance(width, int)
    for network in (wrapped, simclr.wrap(small, width, (1, 28, 28))):
        loss, scores = network.training_loss(torch.randn(8, 1, 28, 28), torch.zeros(8))  # type: ignore[operator]
        loss.backward()
        assert scores.shape == (8,) and not scores.requires_grad
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
