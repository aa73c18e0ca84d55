"""Mixup and CutMix of a batch: their draws, and what torchvision makes of the same."""

import numpy as np
import pytest
import torch
from torch.nn import functional
from torchvision.transforms import v2

from pipeline.data import mixing
from pipeline.data.batches import generator

SHAPE = (3, 9, 12)
X = torch.rand(16, *SHAPE, generator=generator(0, 0))


def draws(count: int = 400, **options: float) -> list[mixing.Mix]:
    return [mixing.draw(16, generator(0, 0, place), shape=SHAPE, **options) for place in range(count)]


def test_mixup_is_torchvisions_for_the_same_share_and_partners() -> None:
    share = draws(1, mixup=0.4)[0].share
    rolled = mixing.Mix(torch.arange(16).roll(1), share)  # torchvision mixes each item with the one before
    peer = v2.MixUp(num_classes=2).transform(X, {"lam": share, "labels": torch.zeros(16), "batch_size": 16})
    torch.testing.assert_close(mixing.apply(X, X[rolled.partners], rolled), peer)


def test_cutmix_is_torchvisions_for_the_same_box_and_partners() -> None:
    for mix in draws(20, cutmix=1.0):
        top, left, bottom, right = mix.box
        box = {"box": (left, top, right, bottom), "labels": torch.zeros(16), "batch_size": 16}
        peer = v2.CutMix(num_classes=2).transform(X, box)
        assert torch.equal(mixing.apply(X, X.roll(1, 0), mix), peer)


def test_the_share_of_a_cutmix_is_what_is_left_of_the_item() -> None:
    for mix in draws(50, cutmix=1.0):
        left = mixing.apply(torch.ones(16, *SHAPE), torch.zeros(16, *SHAPE), mix).mean()
        assert left == pytest.approx(mix.share, abs=1e-6)


def test_shares_have_the_beta_distribution_of_their_alpha() -> None:
    for alpha in (0.2, 1.0, 4.0):
        shares = np.array([mix.share for mix in draws(mixup=alpha)])
        assert abs(shares.mean() - 0.5) < 0.06
        assert shares.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.2)


def test_boxes_are_spread_over_the_whole_image() -> None:
    hits = sum(mixing.apply(torch.zeros(16, *SHAPE), torch.ones(16, *SHAPE), mix)[0, 0] for mix in draws(cutmix=1.0))
    assert hits.min() > 25 and hits.max() < 240


def test_a_coin_decides_between_the_two() -> None:
    boxes = sum(mix.box is not None for mix in draws(mixup=1.0, cutmix=1.0))
    assert 160 < boxes < 240
    assert not any(mix.box for mix in draws(20, mixup=1.0)) and all(mix.box for mix in draws(20, cutmix=1.0))


def test_partners_are_a_permutation_and_draws_are_of_their_generator() -> None:
    first, again, other = (mixing.draw(16, generator(3, 1, place), mixup=1.0) for place in (0, 0, 1))
    assert sorted(first.partners.tolist()) == list(range(16))
    assert torch.equal(first.partners, again.partners) and first.share == again.share
    assert not torch.equal(first.partners, other.partners) and first.share != other.share
    with pytest.raises(ValueError, match="both 0.0"):
        mixing.draw(16, generator(0, 0))


def test_a_part_of_a_batch_is_mixed_as_in_the_whole() -> None:
    for mix in (*draws(3, mixup=1.0), *draws(3, cutmix=1.0)):
        whole = mixing.apply(X, X[mix.partners], mix)
        assert torch.equal(mixing.apply(X[4:9], X[mix.partners[4:9]], mix), whole[4:9])


def test_raw_images_are_mixed_without_rounding() -> None:
    raw = (X * 255).to(torch.uint8)
    (mixed, cut), scaled = (draws(1, mixup=1.0)[0], draws(1, cutmix=1.0)[0]), raw / 255
    for mix in (mixed, cut):
        got = mixing.apply(raw, raw[mix.partners], mix)
        torch.testing.assert_close(got / 255, mixing.apply(scaled, scaled[mix.partners], mix))
    assert mixing.apply(raw, raw, cut).dtype == torch.uint8


def test_two_shares_of_two_losses_are_the_loss_of_the_mixed_label() -> None:
    mix = draws(1, mixup=1.0)[0]
    logits, y = torch.randn(16, 5, generator=generator(1, 0)), torch.arange(16) % 5
    own, theirs = (functional.cross_entropy(logits, labels) for labels in (y, y[mix.partners]))
    one_hot = functional.one_hot(y, 5).float()
    mixed = mixing.apply(one_hot, one_hot[mix.partners], mix)
    torch.testing.assert_close(mix.share * own + (1 - mix.share) * theirs, functional.cross_entropy(logits, mixed))


def test_series_of_several_lengths_are_refused() -> None:
    x = np.zeros((4, 6, 2), np.float32)
    mixing.require_whole([torch.from_numpy(x)])
    x[1, 4:] = x[3, 5:] = np.nan
    with pytest.raises(ValueError, match="2 of 4 items end before the longest does"):
        mixing.require_whole(torch.from_numpy(x).split(2))
