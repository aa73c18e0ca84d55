"""Augmentation of batches: a contract for whatever lies in pipeline/data/augmentations, and torchvision's pixels."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from pipeline import introspection
from pipeline.data.augment import Augmentation, take
from pipeline.data.augmentations import rand_augment, rotation, time_warp
from pipeline.data.batches import generator

NAMES = introspection.names("data/augmentations")
SHAPES = {"image": [(1, 28, 28), (3, 9, 12)], "series": [(20, 3), (7, 1)]}
CASES = [
    (name, shape)
    for name in NAMES
    for kind in introspection.constant(f"data/augmentations/{name}", "KINDS")
    for shape in SHAPES[kind]
]
IMAGES = SHAPES["image"]
COUNT = 64


def items(shape: tuple[int, ...], count: int = COUNT) -> Tensor:
    """Raw items as readers give them: noisy pictures, or walks of lengths from 1 to T, NaN behind their ends."""
    draws = generator(0, 0)
    if len(shape) == 3:
        return torch.randint(0, 256, (count, *shape), generator=draws, dtype=torch.uint8)
    x = torch.randn(count, *shape, generator=draws).cumsum(1)
    lengths = torch.randint(1, shape[0] + 1, (count, 1), generator=draws)
    lengths[0] = shape[0]
    x[torch.arange(shape[0]) >= lengths] = torch.nan
    return x


def same(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and torch.equal(a.nan_to_num(), b.nan_to_num()) and torch.equal(a.isnan(), b.isnan())


def one_by_one(shape: tuple[int, ...], transform: Callable[..., Tensor], *draws: Tensor) -> Tensor:
    """`transform(image, *its draws)` of each of `items`."""
    each = zip(items(shape), *(d.tolist() for d in draws), strict=True)
    return torch.stack([transform(image, *drawn) for image, *drawn in each])


def applied(shape: tuple[int, ...], name: str, **options: Any) -> tuple[Tensor, tuple[Tensor, ...]]:
    """(`items` augmented by one step, what it drew)."""
    augmentation = Augmentation([{"name": name, **options}], shape)
    drawn = augmentation.draw(COUNT, generator(1, 0))
    return augmentation.apply(items(shape), drawn), drawn[0]


# the contract


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_items_keep_their_form_and_are_not_written_to(name: str, shape: tuple[int, ...]) -> None:
    x, augmentation = items(shape), Augmentation([{"name": name}], shape)
    drawn = augmentation.draw(COUNT, generator(1, 0))
    assert all(len(tensor) == COUNT for tensors in drawn for tensor in tensors)
    augmented = augmentation.apply(x, drawn)
    assert augmented.shape == x.shape and augmented.dtype == x.dtype
    assert torch.equal(augmented.isnan(), x.isnan())
    assert same(x, items(shape)) and not same(augmented, x)


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_draws_are_of_seed_epoch_and_chunk(name: str, shape: tuple[int, ...]) -> None:
    x, augmentation = items(shape), Augmentation([{"name": name}], shape)

    def of(*numbers: int) -> Tensor:
        return augmentation.apply(x, augmentation.draw(COUNT, generator(*numbers)))

    assert same(of(1, 2, 3), of(1, 2, 3))
    assert not any(same(of(1, 2, 3), of(*other)) for other in ((0, 2, 3), (1, 3, 3), (1, 2, 4)))


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_a_part_of_a_batch_is_augmented_as_in_the_whole(name: str, shape: tuple[int, ...]) -> None:
    """So the number of devices that share a batch changes nothing."""
    x, augmentation = items(shape), Augmentation([{"name": name}], shape)
    drawn = augmentation.draw(COUNT, generator(1, 0))
    whole = augmentation.apply(x, drawn)
    for part in (slice(0, 0), slice(0, 1), slice(17, 40), slice(COUNT - 1, COUNT), torch.arange(1, COUNT, 2)):
        assert same(augmentation.apply(x[part], take(drawn, part)), whole[part])


@pytest.mark.parametrize(
    ("name", "off"),
    [
        ("flip", {"probability": 0.0}),
        ("erasing", {"probability": 0.0}),
        ("colour", {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0}),
        ("jitter", {"deviation": 0.0}),
        ("scaling", {"deviation": 0.0}),
        ("time_warp", {"deviation": 0.0}),
    ],
)
def test_no_probability_or_magnitude_changes_nothing(name: str, off: dict[str, float]) -> None:
    for shape in [shape for known, shape in CASES if known == name]:
        torch.testing.assert_close(applied(shape, name, **off)[0], items(shape), equal_nan=True)


def test_steps_follow_one_another_and_none_costs_nothing() -> None:
    x, shape = items((1, 28, 28)), (1, 28, 28)
    none = Augmentation([], shape)
    assert not none and none.apply(x, none.draw(COUNT, generator(0, 0))) is x
    both = Augmentation([{"name": "shift", "pixels": 3}, {"name": "flip"}], shape)
    drawn = both.draw(COUNT, generator(0, 0))
    shift, flip = (Augmentation([step], shape) for step in ({"name": "shift", "pixels": 3}, {"name": "flip"}))
    assert both and same(both.apply(x, drawn), flip.apply(shift.apply(x, drawn[:1]), drawn[1:]))


# images: each pixel as torchvision has it, one image at a time


@pytest.mark.parametrize("shape", IMAGES)
def test_flip_is_torchvisions(shape: tuple[int, ...]) -> None:
    for direction, flip in (
        ("horizontal", functional.horizontal_flip),
        ("vertical", functional.vertical_flip),
    ):
        got, drawn = applied(shape, "flip", direction=direction)
        assert same(got, one_by_one(shape, lambda image, chosen: flip(image) if chosen else image, *drawn))  # noqa: B023


@pytest.mark.parametrize("shape", IMAGES)
def test_crop_is_torchvisions(shape: tuple[int, ...]) -> None:
    for border in ("constant", "edge", "reflect", "symmetric"):

        def cropped(image: Tensor, top: int, left: int) -> Tensor:
            return functional.crop(functional.pad(image, [3], 7, border), top, left, *shape[1:])  # noqa: B023

        got, drawn = applied(shape, "crop", padding=3, border=border, fill=7)
        assert same(got, one_by_one(shape, cropped, *drawn))


@pytest.mark.parametrize("shape", IMAGES)
def test_shift_is_torchvisions_affine_map(shape: tuple[int, ...]) -> None:
    def shifted(image: Tensor, down: int, right: int) -> Tensor:
        return functional.affine(image, 0.0, [right, down], 1.0, [0.0, 0.0], fill=[9])

    got, (down, right) = applied(shape, "shift", pixels=4, fill=9)
    assert {*down.tolist()} == {*right.tolist()} == {*range(-4, 5)}
    assert same(got, one_by_one(shape, shifted, down, right))


@pytest.mark.parametrize("shape", IMAGES)
@pytest.mark.parametrize(("how", "fill"), [("nearest", 0), ("nearest", 200), ("bilinear", 0)])
def test_rotation_is_torchvisions(shape: tuple[int, ...], how: str, fill: int) -> None:
    angles = torch.empty(COUNT, dtype=torch.float64).uniform_(-180, 180, generator=generator(2, 0))
    angles[:5] = torch.tensor([0.0, 90.0, -90.0, 180.0, 45.0])
    step = rotation.build(shape, degrees=180.0, interpolation=how, fill=fill)

    def rotated(image: Tensor, angle: float) -> Tensor:
        return functional.rotate(image, angle, v2.InterpolationMode(how), fill=[fill] if fill else None)

    if shape[1] != shape[2]:
        angles[1:3] = 30.0
    assert same(step.apply(items(shape), rotation.matrices(angles)), one_by_one(shape, rotated, angles))


def test_angles_are_within_their_degrees() -> None:
    _, (matrices,) = applied((1, 28, 28), "rotation", degrees=20.0)
    angles = torch.rad2deg(torch.atan2(matrices[:, 1, 0], matrices[:, 0, 0]))
    assert angles.min() < -15 and angles.max() > 15 and angles.abs().max() <= 20.001


@pytest.mark.parametrize("shape", IMAGES)
def test_erasing_is_torchvisions(shape: tuple[int, ...]) -> None:
    got, drawn = applied(shape, "erasing", fill=50)
    assert same(got, one_by_one(shape, lambda image, *box: functional.erase(image, *box, torch.tensor(50)), *drawn))
    noisy, (*drawn, values) = applied(shape, "erasing", noise=True)
    erased = noisy != items(shape)
    assert torch.equal(noisy[erased], values[erased]) and noisy[erased].float().std() > 60
    assert (erased.flatten(1).any(1) <= (drawn[2] > 0)).all()


def test_rectangles_are_torchvisions_in_size_and_place() -> None:
    """Means and spreads over many images, against those of RandomErasing."""
    image = items((1, 28, 28), 1)[0]
    boxes = torch.stack(Augmentation([{"name": "erasing"}], image.shape).draw(4000, generator(0, 0))[0], 1).double()
    chosen = boxes[:, 2] > 0
    assert 0.47 < chosen.double().mean() < 0.53
    torch.manual_seed(0)
    peer = v2.RandomErasing(1.0)
    theirs = torch.tensor([[p[n] for n in "ijhw"] for p in (peer.make_params([image]) for _ in range(2000))]).double()
    for ours, expected in zip(boxes[chosen].T, theirs.T, strict=True):
        error = math.sqrt(expected.var() / len(expected) + ours.var() / len(ours))
        assert abs(ours.mean() - expected.mean()) < 4 * error
        assert abs(ours.std() / expected.std() - 1) < 0.08


@pytest.mark.parametrize("shape", IMAGES)
def test_colour_is_torchvisions(shape: tuple[int, ...]) -> None:
    adjusts = (functional.adjust_brightness, functional.adjust_contrast, functional.adjust_saturation)

    def jittered(image: Tensor, factors: list[float], order: list[int]) -> Tensor:
        for number in order:
            image = adjusts[number](image, factors[number])
        return image

    got, (factors, order) = applied(shape, "colour", brightness=1.2, contrast=0.9, saturation=0.5)
    assert factors.min() >= 0 and (factors.amax(0) <= torch.tensor([2.2, 1.9, 1.5])).all()
    assert len({*map(tuple, order.tolist())}) == 6
    assert same(got, one_by_one(shape, jittered, factors, order))


@pytest.mark.parametrize("shape", IMAGES)
@pytest.mark.parametrize("magnitude", [0, 9, 13, 30])
def test_rand_augment_is_torchvisions(shape: tuple[int, ...], magnitude: int) -> None:
    peer = v2.RandAugment(magnitude=magnitude, fill=5)
    known = peer._AUGMENTATION_SPACE

    def transformed(image: Tensor, choices: list[int]) -> Tensor:
        for choice in choices:
            name = list(known)[choice // 2]
            values, signed = known[name][0](31, *shape[1:]), known[name][1]
            value = 0.0 if values is None else float(values[magnitude])
            value = -value if signed and choice % 2 else value
            image = peer._apply_image_or_video_transform(image, name, value, peer.interpolation, peer._fill)
        return image

    assert list(rand_augment.space(shape, magnitude, 0)) == list(known)
    got, (choices,) = applied(shape, "rand_augment", magnitude=magnitude, fill=5)
    assert {*choices.flatten().tolist()} == {*range(2 * len(known))}
    assert same(got, one_by_one(shape, transformed, choices))


# series


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


# what can't be


@pytest.mark.parametrize(
    ("step", "shape", "said"),
    [
        ({"name": "crop", "padding": 9, "border": "reflect"}, (3, 9, 12), "padding 9 can't be mirrored from images"),
        ({"name": "erasing", "area": [0.3, 0.1]}, (1, 28, 28), r"area is \[0.3, 0.1\]; give the lowest first"),
        ({"name": "colour"}, (4, 8, 8), "images have 4 channels; it takes 1 or 3"),
        ({"name": "rand_augment"}, (2, 8, 8), "images have 2 channels; it takes 1 or 3"),
    ],
)
def test_what_does_not_suit_the_shape_is_refused(step: dict[str, Any], shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Augmentation([step], shape)
