"""Series of a user's own: read as they are, or refused with the file and the line that is wrong."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.data.raw import DataError
from pipeline.data.readers import ts
from tests.data.reading import encoded, write

# ts

SERIES = """# a comment
@problemName mine
@equalLength false
@classLabel true a b
@data
1,2,3:4,5,6:a
7,8:9,10:b
"""


def test_ts_fills_short_series_up_with_nan(tmp_path: Path) -> None:
    write(tmp_path / "train.ts", SERIES)
    write(tmp_path / "test.ts", SERIES.replace("7,8:9,10:b", "1,2,3,4:5,6,7,8:b"))
    raw = encoded(ts.read(tmp_path))
    x, y = raw.splits["train"]
    assert x.shape == (2, 4, 2) and raw.classes == ["a", "b"] and y.tolist() == [0, 1]
    np.testing.assert_array_equal(x[1], [[7, 9], [8, 10], [np.nan, np.nan], [np.nan, np.nan]])
    assert raw.splits["test"][0][1].tolist() == [[1, 5], [2, 6], [3, 7], [4, 8]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SERIES.replace("7,8:9,10", "7,8:9"), "train.ts:7: no series of numbers"),
        (SERIES.replace("7,8", "7,x"), "train.ts:7: .*'x'"),
        (SERIES.replace("7,8:9,10", "7,8"), r"series of \[1, 2\] dimensions"),
        (SERIES.replace("@classLabel true a b\n", ""), "2 series and 0 classes"),
        ("", "0 series and 0 classes"),
        (SERIES.replace("7,8", "7_1,8"), "train.ts:7: .*digits without _"),
        (SERIES.replace("7,8:9,10:b", "b"), "train.ts:7: .*a colon and a label"),
        (SERIES.replace("1,2,3", "1600000000,1600000001,1600000003"), "single precision"),
        (SERIES.replace(":b", ":c"), "train.ts: 1 of 2 labels are none of the classes a, b"),
    ],
)
def test_ts_refuses(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path / "train.ts", text)
    write(tmp_path / "test.ts", SERIES)
    with pytest.raises(DataError, match=said):
        encoded(ts.read(tmp_path))
