"""What a model is asked with: items of every kind, and rows of a table by name."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.data.items import raw_items, rows
from pipeline.data.spec import Column, Facts

COLUMNS = [Column(name="size"), Column(name="island", names=["Biscoe", "Dream"])]


def facts(kind: str, *shape: int, **more: Any) -> Facts:
    return Facts(kind=kind, shape=list(shape), classes=["a", "b"], outputs=2, **more)


TABLE = facts("tabular", 3, columns=COLUMNS)
IMAGE, SERIES = facts("image", 1, 2, 2), facts("series", 4, 2, padded=True)


def changed(like: Facts, place: tuple[Any, ...], value: Any) -> np.ndarray:
    x = np.ones((2, *like.shape))
    x[place] = value
    return x


@pytest.mark.parametrize(
    ("asked", "like", "said"),
    [
        (changed(IMAGE, (1, 0, 1, 0), np.nan), IMAGE, r"item 1 .*, value \[0, 1, 0\] of \(C, H, W\): null or NaN"),
        (changed(IMAGE, (0, 0, 1, 1), 255.5), IMAGE, "255.5; allowed are numbers from 0 to 255"),
        (changed(IMAGE, (0, 0, 0, 1), -1), IMAGE, "-1; allowed are numbers from 0 to 255"),
        (changed(TABLE, (1, 2), -np.inf), TABLE, "item 1 .*, column 'island': -inf; allowed are finite numbers"),
        (changed(TABLE, (0, 0), 1e39), TABLE, "item 0 .*, column 'size': inf"),
        (changed(facts("tabular", 3), (0, 1), np.nan), facts("tabular", 3), r"value \[1\] of \(F\): null or NaN"),
        (changed(SERIES, (0, 1), np.nan), SERIES, r"value \[1, 0\] of \(T, F\).*and NaN after the last step"),
        (changed(SERIES, (1, 3, 1), np.nan), SERIES, r"item 1 .*, value \[3, 1\]"),
        (changed(SERIES, (1,), np.nan), SERIES, r"item 1 .*, value \[0, 0\]"),
        (changed(SERIES, (1, 3), np.nan), facts("series", 4, 2), r"null or NaN; allowed are finite numbers$"),
        (np.ones((0, 1, 2, 2)), IMAGE, r"shape \(0, 1, 2, 2\); allowed is \(N, 1, 2, 2\) with at least one item"),
        ([], IMAGE, r"shape \(0,\)"),
        (7.0, TABLE, r"shape \(1,\); allowed is \(N, 3\)"),
        (np.ones((2, 2, 2)), IMAGE, r"shape \(2, 2, 2\)"),
        ([[1.0, 2.0], [3.0]], TABLE, "the input is no array of numbers: "),
        ([["wide", 0, 1]], TABLE, "the input is no array of numbers: 'wide' is none"),
        ({"size": [1.0]}, TABLE, "the input is no array of numbers: "),
        ([["5.1", "3", "0"]], TABLE, "the input is no array of numbers: '5.1' is none"),
        ([[1 + 2j, 0, 0]], TABLE, "the input is no array of numbers: "),
        (np.array([["2024-01-05", "2024-01-06", "2024-01-07"]], "M8[D]"), TABLE, "the input is no array of numbers: "),
    ],
)
def test_what_is_no_item_is_refused_by_place_value_and_what_is_allowed(asked: Any, like: Facts, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        raw_items(asked, like)


def test_the_ends_of_a_range_and_padding_are_items() -> None:
    for like, place, value in ((IMAGE, 0, 0), (IMAGE, 1, 255), (SERIES, (0, slice(1, None)), np.nan)):
        asked = changed(like, np.index_exp[place] if isinstance(place, int) else place, value)
        np.testing.assert_array_equal(raw_items(asked.tolist(), like), asked.astype(np.float32))


def test_rows_by_name_are_items_in_any_order_of_their_columns() -> None:
    x = np.float32([[39.1, 0, 1], [-0.3, 1, 0]])
    records = rows(x, COLUMNS)
    assert records == [{"size": 39.1, "island": "Dream"}, {"size": -0.3, "island": "Biscoe"}]
    table = pd.DataFrame(records)
    for order in (["size", "island"], ["island", "size"]):
        np.testing.assert_array_equal(raw_items(table[order], TABLE), x)


def test_what_is_missing_is_imputed_where_the_model_has_a_value_for_it() -> None:
    filled = facts("tabular", 3, columns=COLUMNS, imputed=[2.5, "Dream"])
    for missing in (None, np.nan, pd.NA):
        table = pd.DataFrame({"size": [missing, 1.0], "island": ["Biscoe", missing]})
        np.testing.assert_array_equal(raw_items(table, filled), [[2.5, 1, 0], [1, 0, 1]])
        none = pd.DataFrame({"size": [missing], "island": [missing]})
        np.testing.assert_array_equal(raw_items(none, filled), [[2.5, 0, 1]])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": [1.0, None]}, "item 1 .*, column 'size': null or NaN; allowed are finite numbers"),
        ({"size": [1.0, "wide"]}, "column 'size' is no array of numbers: 'wide' is none"),
        ({"island": ["Dream", None]}, "item 1 .*, column 'island': null; allowed are 'Biscoe', 'Dream'"),
        ({"island": ["dream", "Dream"]}, "item 0 .*, column 'island': 'dream'; allowed are 'Biscoe', 'Dream'"),
        ({"island": [1, "Dream"]}, "column 'island': 1; allowed are 'Biscoe', 'Dream'"),
        ({"sex": ["male", "male"]}, "unknown column 'sex'; a row has the columns 'size', 'island'"),
    ],
)
def test_a_wrong_row_is_refused_by_column(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        raw_items(pd.DataFrame({"size": [1.0, 2.0], "island": ["Dream", "Biscoe"]} | changes), TABLE)


def test_a_table_without_a_column_or_with_one_twice_is_refused() -> None:
    table = pd.DataFrame([{"size": 1.0, "island": "Dream"}])
    with pytest.raises(ValueError, match="missing column 'island'; a row has the columns 'size', 'island'"):
        raw_items(table[["size"]], TABLE)
    with pytest.raises(ValueError, match="repeated column 'size'"):
        raw_items(table[["size", "island", "size"]], TABLE)


def test_a_table_without_names_has_its_missing_values_replaced() -> None:
    like = Facts(kind="tabular", shape=[2], classes=[], outputs=1, imputed=[7.0, None])
    assert raw_items([[None, 1.0], [2.0, 3.0]], like).tolist() == [[7.0, 1.0], [2.0, 3.0]]
    with pytest.raises(ValueError, match="null or NaN"):
        raw_items([[1.0, None]], like)
