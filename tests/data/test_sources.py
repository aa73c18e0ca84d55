"""What packages ship is what its sources say."""

from typing import Any

import numpy as np
import pytest

from pipeline.cells.cell import read_json
from pipeline.data import prepare
from pipeline.data.raw import DataError
from pipeline.data.readers import rda, seglearn_watch


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shape", "counts", "classes"),
    [
        ("mnist", (1, 28, 28), (54_000, 6_000, 10_000), 10),
        ("letter", (16,), (14_400, 1_600, 4_000), 26),
        ("satellite", (36,), (3_991, 444, 2_000), 6),
        ("wine", (13,), (89, 36, 53), 3),
        ("breast_cancer", (30,), (284, 114, 171), 2),
        ("diabetes", (10,), (221, 88, 133), 0),
        ("apartments", (14,), (800, 200, 9_000), 0),
        ("japanese_vowels", (29, 12), (270, 54, 370), 9),
        ("italy_power_demand", (24, 1), (67, 13, 1_029), 2),
        ("gun_point", (150, 1), (50, 10, 150), 2),
    ],
)
def test_data_sets_are_what_their_sources_say(
    laboratory: Any, name: str, shape: tuple[int, ...], counts: tuple[int, ...], classes: int
) -> None:
    meta = read_json(laboratory.data(name) / "meta.json")
    assert tuple(meta["shape"]) == shape and len(meta["classes"]) == classes
    assert tuple(sum(meta["counts"][split]) for split in prepare.SPLITS) == counts


def test_japanese_vowels_have_the_lengths_that_the_archive_states(laboratory: Any) -> None:
    x = np.load(laboratory.data("japanese_vowels") / "x_train.npy")
    lengths = (~np.isnan(x[:, :, 0])).sum(axis=1)
    assert (lengths.min(), lengths.max()) == (7, 26) and np.isnan(x).sum() == 12 * (29 * 270 - lengths.sum())


def test_nobody_who_wears_the_watch_is_in_two_splits(laboratory: Any) -> None:
    meta = read_json(laboratory.data("watch") / "meta.json")
    assert meta["shape"] == [50, 6] and meta["classes"] == ["PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW"]
    assert not any(meta["duplicates"].values()) and all(min(c) > 5 for c in meta["counts"].values())
    with pytest.raises(DataError, match="person 7 is in validation and in test"):
        seglearn_watch.read(laboratory.raw("watch"), test=[7])


def test_rda_names_the_columns_that_there_are(laboratory: Any) -> None:
    with pytest.raises(DataError, match="no column 'letter'; it has lettr, x.box"):
        rda.read(laboratory.raw("letter"), label="letter")
