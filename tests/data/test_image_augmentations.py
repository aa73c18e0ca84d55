"""Augmented images: each pixel as torchvision has it, one image at a time."""

import math

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from pipeline.data.augment import Augmentation
from pipeline.data.augmentations import rand_augment, rotation
from pipeline.data.batches import generator
from tests.data.augmenting import COUNT, IMAGES, applied, items, one_by_one, same


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
