"""Augmented series against what can be computed by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.augment import Augmentation
from pipeline.data.augmentations import time_warp
from pipeline.data.batches import generator
from tests.data.augmenting import COUNT, SHAPES, applied, items


@pytest.mark.parametrize("shape", SHAPES["series"])
def test_jitter_is_in_units_of_each_features_deviation(shape: tuple[int, ...]) -> None:
    x, (got, (noise,)) = items(shape), applied(shape, "jitter", deviation=0.1)
    for item, augmented, drawn in zip(x, got, noise, strict=True):
        length = int((~item.isnan().any(1)).sum())
        expected = item[:length] + 0.1 * drawn[:length] * item[:length].std(0, correction=0)
        torch.testing.assert_close(augmented[:length], expected)


def test_scaling_has_a_factor_for_each_feature() -> None:
    shape = (20, 3)
    got, (factors,) = applied(shape, "scaling", deviation=0.2)
    torch.testing.assert_close(got / items(shape), factors[:, None].expand_as(got) + 0 * got, equal_nan=True)
    assert 0.15 < factors.std() < 0.25 and abs(factors.mean() - 1) < 0.06


@given(
    speeds=st.lists(st.floats(0.1, 10), min_size=2, max_size=8),
    share=st.lists(st.floats(0, 1), min_size=2, max_size=20),
)
def test_warped_time_goes_forward_from_start_to_end(speeds: list[float], share: list[float]) -> None:
    """It is the integral of the speed, for which a fine trapezoid rule stands in here."""
    way = torch.tensor([[0.0, *sorted(share), 1.0]])
    time = time_warp.warped(way, torch.tensor([speeds]))[0]
    assert time[0] == 0 and abs(time[-1] - 1) < 1e-5 and (time.diff() > -1e-5).all()
    fine = torch.linspace(0, 1, 2001, dtype=torch.float64)
    knots = torch.tensor(speeds, dtype=torch.float64).view(1, 1, -1)
    speed = torch.nn.functional.interpolate(knots, 2001, mode="linear", align_corners=True)[0, 0]
    expected = torch.cat([torch.zeros(1), torch.cumulative_trapezoid(speed, fine)])
    nearest = (way[0].double() * 2000).round().long()
    torch.testing.assert_close(time.double(), (expected / expected[-1])[nearest], atol=6e-3, rtol=0)


@pytest.mark.parametrize("shape", SHAPES["series"])
def test_a_warped_series_is_read_between_its_own_steps(shape: tuple[int, ...]) -> None:
    """A ramp shows the times themselves; ends stay, whatever lies behind them."""
    x = items(shape)
    ramp = torch.where(x.isnan(), torch.nan, torch.arange(shape[0]).view(1, -1, 1).float().expand_as(x))
    augmentation = Augmentation([{"name": "time_warp", "deviation": 0.5, "knots": 4}], shape)
    drawn = augmentation.draw(COUNT, generator(1, 0))
    times, warped = augmentation.apply(ramp, drawn), augmentation.apply(x, drawn)
    for item, time, got in zip(x, times[:, :, 0], warped, strict=True):
        length = int((~item.isnan().any(1)).sum())
        assert time[:length].diff().min() > 0 if length > 1 else time[0] == 0
        torch.testing.assert_close(time[[0, length - 1]], torch.tensor([0.0, length - 1.0]))
        low, high = item[time[:length].floor().long()], item[time[:length].ceil().long().clamp(max=length - 1)]
        expected = low + (high - low) * (time[:length] % 1).unsqueeze(1)
        torch.testing.assert_close(got[:length], expected, atol=1e-4, rtol=1e-4)
