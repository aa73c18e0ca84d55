"""Labels as people write them become classes; what has two meanings, or none, is refused."""

from typing import Any

import numpy as np
import pytest

from pipeline.data.labels import encode, numbers
from pipeline.data.raw import DataError


@pytest.mark.parametrize(
    ("labels", "classes", "indices"),
    [
        ([1, 2, 3, 1], ["1", "2", "3"], [0, 1, 2, 0]),
        ([-1, 1, -1], ["-1", "1"], [0, 1, 0]),
        (["+1", "-1", "+1"], ["-1", "1"], [1, 0, 1]),
        ([5, 20, 100, 20], ["5", "20", "100"], [0, 1, 2, 1]),
        (["10", "9", "9"], ["9", "10"], [1, 0, 0]),
        ([b"cat", b"dog", b"cat"], ["cat", "dog"], [0, 1, 0]),
        (["007", "7", "007"], ["007", "7"], [0, 1, 0]),
        (["1.0", "2.0", "1.0"], ["1.0", "2.0"], [0, 1, 0]),
        ([1.0, 2.0, 1.0], ["1", "2"], [0, 1, 0]),
        (["+1", "1", "2"], ["+1", "1", "2"], [0, 1, 2]),
        ([True, False, True], ["0", "1"], [1, 0, 1]),
        (["猫", "собака", " 猫 "], ["собака", "猫"], [1, 0, 1]),
        (["caf\u00e9", "cafe\u0301", "the"], ["caf\u00e9", "the"], [0, 0, 1]),
    ],
)
def test_every_label_is_a_class(labels: list[Any], classes: list[str], indices: list[int]) -> None:
    y, found = encode(np.array(labels))
    assert found == classes and y.tolist() == indices and y.dtype == np.int64


@pytest.mark.parametrize(
    ("labels", "classes", "indices"),
    [
        (["dog", "cat", "dog"], ["dog", "cat"], [0, 1, 0]),
        ([0, 1, 0], ["dog", "cat"], [0, 1, 0]),
        (["1", "0"], ["dog", "cat"], [1, 0]),
        ([5, 10, 5], ["10", "5"], [1, 0, 1]),
    ],
)
def test_classes_that_are_named_keep_their_order(labels: list[Any], classes: list[str], indices: list[int]) -> None:
    y, found = encode(np.array(labels), classes)
    assert found == classes and y.tolist() == indices


@pytest.mark.parametrize(
    ("labels", "classes", "said"),
    [
        ([0.0, np.nan], None, "1 of 2 labels are no whole numbers.*nan"),
        ([0.5, 1.0], None, r"no whole numbers; .*regression\?: \[0.5\]"),
        (["a", " "], None, "1 of 2 labels are empty"),
        (["cat", "cow"], ["cat", "dog"], r"1 of 2 labels are none of the classes cat, dog: \['cow'\]"),
        ([1, 2], ["cat", "dog"], "count `classes` from 0"),
        ([b"\xff", b"a"], None, "no UTF-8"),
        (list(range(100)), None, r"100 different labels for 100 items \(0, 1, 2, ...\)"),
    ],
)
def test_labels_refused(labels: list[Any], classes: list[str] | None, said: str) -> None:
    with pytest.raises(DataError, match=said):
        encode(np.array(labels), classes)


def test_numbers_of_a_regression() -> None:
    assert numbers(np.array(["1.5", " -2e3 ", b"7".decode()])).tolist() == [1.5, -2000.0, 7.0]
    assert numbers(np.array([2, 0, 1]), ["5", "20", "100"]).tolist() == [100.0, 5.0, 20.0], "names of folders"


@pytest.mark.parametrize("bad", ["x", "1_0", "nan", "inf", "0x1", "１"])
def test_no_number_for_a_regression(bad: str) -> None:
    with pytest.raises(DataError, match="1 of 2 labels are no numbers.*task classification"):
        numbers(np.array(["1", bad]))


def test_names_of_folders_that_are_no_numbers() -> None:
    with pytest.raises(DataError, match="2 of 3 labels are no numbers.*cat"):
        numbers(np.array([0, 1, 0]), ["cat", "5"])


def test_targets_too_close_for_single_precision() -> None:
    with pytest.raises(DataError, match="the target: it goes from 1700000000 to 1700000059"):
        numbers(1.7e9 + np.arange(60))
