"""Data that is not what its description says is refused with counts."""

from typing import Any

import numpy as np
import pytest

from pipeline.data.raw import DataError
from pipeline.errors import words
from tests.data.preparing import SPLIT, Project, meta, series, table

nan = table()["x_train"].copy()
nan[0, 0] = nan[1, 1] = np.nan
nan[2, 2] = np.inf
images = {"x_train": np.zeros((60, 2, 2), np.uint8)}
test_split = {"x_test": np.ones((2, 4)), "y_test": np.array([0, 1])}
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "images that nobody said to be images": (
        table(x_train=np.zeros((60, 4, 3, 2))),
        {},
        r"x_train has shape \(60, 4, 3, 2\); .*option `shape`, such as \{shape: \[4, 3, 2\]\}",
    ),
    "test of another shape": (
        table(**{**test_split, "x_test": np.ones((2, 5))}),
        {},
        r"mine, test: items of shape \(5,\); .*as in train: \(4,\)",
    ),
    "pixels from 0 to 1": (
        table(x_train=np.full((60, 2, 2), 0.5, np.float32)),
        {"shape": [1, 2, 2]},
        r"x_train is float32 from 0.5 to 0.5; pixels are whole numbers from 0 to 255: save \(255 \* x\)",
    ),
    "label out of range": (
        table(y_train=np.arange(60) % 3 + 1),
        {"classes": ["a", "b", "c"]},
        r"60 of 60 labels are none of the classes a, b, c; numbers count `classes` from 0",
    ),
    "label of test out of range": (
        table(x_test=np.ones((3, 4)), y_test=np.array([0, 1, 7])),
        {"classes": ["a", "b", "c"]},
        r"63 of 63 labels are none of the classes a, b, c; .*'7'",
    ),
    "class missing in train": (
        table(classes=2, x_test=np.ones((3, 4)), y_test=np.array([0, 1, 2])),
        {},
        r"mine, train: no item of class 2; of 2 there are 0 in train, 1 in test, the first in .*data.npz: x_test\[2\]; "
        "move some to train, or correct or leave out all of them",
    ),
    "class too small to split": (
        table(y_train=np.array([0] * 30 + [1] * 29 + [2])),
        {},
        r"mine: no item of class 2 for each of train, test, validation: it has 1 .*bring more items of it or",
    ),
    "class missing in test": (
        table(**test_split),
        {},
        r"mine, test: no item of class 2; of 2 there are 20 in train, 0 in test, the first in .*x_train\[2\]; move",
    ),
    "class that is nowhere": (
        table(),
        {"classes": ["a", "b", "c", "d"]},
        r"mine, train: no item of class d; of d there are 0 in train; leave it out of option `classes`",
    ),
    "values that are no numbers": (
        table(x_train=nan),
        {},
        r"mine, train: 1 of 240 values are not finite numbers; the first is in .*x_train\[2\]",
    ),
    "too large for single precision": (table(x_train=np.full((60, 4), 1e300)), {}, "240 of 240 values are not finite"),
    "one class": (table(classes=1), {}, "mine: all items are of class 0; there is nothing to tell apart"),
    "one target": (
        table(y_train=np.full(60, 5.0)),
        {"task": "regression"},
        "mine, train: all 33 targets are 5; there is nothing to predict",
    ),
    "one target in test": (
        table(y_train=np.arange(60.0), x_test=np.ones((3, 4)), y_test=np.ones(3)),
        {"task": "regression"},
        "mine, test: all 3 targets are 1",
    ),
    "seconds since 1970": (
        table(x_train=np.c_[np.ones(60), 1.7e9 + np.arange(60)]),
        {},
        r"data.npz: x_train: column 1 goes from 1700000000 to 1700000059; single precision",
    ),
    "fewer labels": (table(y_train=np.arange(59) % 3), {}, "mine, train: 60 items but 59 labels"),
    "no items": (table(x_train=np.zeros((0, 4)), y_train=np.zeros(0, int)), {}, "mine, train: no items"),
    "one value for all": (table(x_train=np.ones(60)), {}, r"x_train has shape \(60,\); a table has \(N, F\)"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_refused_with_counts(project: Project, fault: str) -> None:
    arrays, options, said = REFUSED[fault]
    with pytest.raises(DataError, match=said):
        project.prepare(arrays, **options)
    assert not list((project.root / "prepared1").iterdir())


def test_an_error_that_is_no_refusal_says_what_was_read(project: Project) -> None:
    with pytest.raises(TypeError) as caught:
        project.prepare(table(), names="unheard of")
    said = words(caught.value)
    assert said.startswith("TypeError: read() got an unexpected keyword argument 'names'\nreader npz, options {'names'")
    assert said.endswith(f"source {project.root}/raw1/data.npz")


def test_refused_without_a_test_split(project: Project) -> None:
    with pytest.raises(DataError, match="brings no test split; write `split: {test: 0.2}`, a share of train"):
        project.prepare(table(), {**SPLIT, "test": None})


def test_images_of_the_right_kind_pass(project: Project) -> None:
    assert meta(project.prepare(table(**images), shape=[1, 2, 2]))["kind"] == "image"


@pytest.mark.parametrize(
    ("place", "count"),
    [((0, 2), 2), ((0, 2, 1), 1), ((1, 0), 2), ((2, 5, 0), 1)],
    ids=["a hole", "half a step", "a missing start", "half of the last step"],
)
def test_nan_is_padding_at_the_end_alone(project: Project, place: tuple[int, ...], count: int) -> None:
    x = series(*([6] * 60))
    x[place] = np.nan
    with pytest.raises(DataError, match=f"mine, train: {count} of 720 values are not finite numbers"):
        project.prepare(table(x_train=x), shape=[6, 2])


def test_a_series_without_a_step_is_refused(project: Project) -> None:
    with pytest.raises(DataError, match="2 of 720 values are not finite"):
        project.prepare(table(x_train=series(*([6] * 59 + [0]))), shape=[6, 2])
