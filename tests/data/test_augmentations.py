"""Augmentation of batches: a contract for whatever lies in pipeline/data/augmentations."""

from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.data.augment import Augmentation, take
from pipeline.data.batches import generator
from tests.data.augmenting import CASES, COUNT, applied, items, same


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
