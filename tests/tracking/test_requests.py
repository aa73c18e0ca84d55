"""Every kind of model takes rows by name, and refuses what is no item: opened here, by MLflow, and served."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow import pyfunc
from mlflow.exceptions import MlflowException

from pipeline.tracking import loader
from pipeline.tracking.commands import serve_command
from pipeline.tracking.records import Roots
from tests.tracking import versions
from tests.tracking.servers import ask, refusal, serving
from tests.tracking.versions import EXPANDED, ROW

KINDS = ["svm", "knn", "tree", "mlp", "int8"]
NAN = float("nan")
pytestmark = pytest.mark.slow  # the models are trained first


@pytest.fixture(scope="module")
def folder(made_once: Callable[..., Path]) -> Callable[[str], Path]:
    """Of a version."""
    root = made_once("versions", versions.make)
    return lambda name: root / "versions" / name


@pytest.fixture(scope="module")
def opened(folder: Callable[[str], Path]) -> Callable[[str], loader.Model]:
    """A version as this project opens it."""
    return cache(lambda name: loader.load(folder(name)))


def item(shape: tuple[int, ...], **values: float) -> np.ndarray:
    """An item of ones (1, *shape); `_0_3` names the value [0, 3]."""
    x = np.ones((1, *shape))
    for place, value in values.items():
        x[0, *map(int, place[1:].split("_"))] = value
    return x


def row(**changes: Any) -> pd.DataFrame:
    return pd.DataFrame([ROW | changes])


REFUSED: dict[str, list[tuple[Any, str]]] = {
    "pets": [
        ([[NAN, *EXPANDED[1:]]], "item 0 .*, column 'age': null or NaN; allowed are finite numbers"),
        ([EXPANDED, [*EXPANDED[:-1], float("-inf")]], "item 1 .*, column 'bill length': -inf"),
        ([EXPANDED[1:]], r"shape \(1, 6\); allowed is \(N, 7\)"),
        (np.zeros((0, 7)), "at least one item"),
        (row(age=None), "column 'age': null or NaN"),
        (row(island=None), "column 'island': null; allowed are 'Biscoe', 'Dream', 'Torgersen'"),
        (row(island="Mars"), "column 'island': 'Mars'; allowed are 'Biscoe', 'Dream', 'Torgersen'"),
        (row().drop(columns="sex"), "missing column 'sex'; a row has the columns 'age', 'island', 'sex', 'bill "),
        (row().iloc[:0], r"shape \(0, 7\)"),
    ],
    "pixels": [
        (item((1, 8, 8), _0_2_3=NAN), r"item 0 .*, value \[0, 2, 3\] of \(C, H, W\): null or NaN; .* from 0 to 255"),
        (item((1, 8, 8), _0_7_7=float("inf")), r"\[0, 7, 7\] .* inf; allowed"),
        (item((1, 8, 8), _0_0_0=300), "300; allowed are numbers from 0 to 255"),
        (item((1, 8, 8), _0_0_0=-1), "-1; allowed are numbers from 0 to 255"),
        (item((8, 8)), r"shape \(1, 8, 8\); allowed is \(N, 1, 8, 8\)"),
        ([], "at least one item"),
        ("white", "no array of numbers"),
    ],
    "tracks": [  # all of them whole
        (item((6, 2), _2_0=NAN, _2_1=NAN), r"value \[2, 0\] of \(T, F\): null or NaN"),
        (item((6, 2), _5_1=float("inf")), r"value \[5, 1\] of \(T, F\): inf; allowed are finite numbers$"),
        (item((6, 2), _5_0=NAN, _5_1=NAN), r"value \[5, 0\] of \(T, F\): null or NaN; allowed are finite numbers$"),
        (item((5, 2)), r"shape \(1, 5, 2\); allowed is \(N, 6, 2\)"),
    ],
    "walks": [  # of several lengths
        (item((6, 2), _2_0=NAN, _2_1=NAN), r"value \[2, 0\] of \(T, F\): null or NaN; .* and NaN after the last step"),
        (item((6, 2), _5_1=NAN), r"value \[5, 1\] of \(T, F\): null or NaN"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", [*(f"{data}-{kind}" for data in versions.VIEWS for kind in KINDS), "walks-gru"])
def test_what_is_no_item_is_refused_by_every_kind_of_model(opened: Callable[[str], loader.Model], name: str) -> None:
    for asked, said in REFUSED[name.partition("-")[0]]:
        with pytest.raises(MlflowException, match=said) as refused:
            opened(name).predict(asked)
        assert refused.value.get_http_status_code() == 400


def test_scores_that_are_no_numbers_are_no_answer(opened: Callable[[str], loader.Model]) -> None:
    with pytest.raises(MlflowException, match="item 1: its values are so large that the scores are no finite numbers"):
        opened("pets-mlp").predict([EXPANDED, [3.0, 0, 3e38, 0, 1, 0, 39.1]])


def test_padding_at_the_end_of_a_series_is_answered(opened: Callable[[str], loader.Model]) -> None:
    model, short = opened("walks-gru"), item((6, 2), _5_0=NAN, _5_1=NAN)
    assert model.predict(short).shape == (1, 3) and (model.predict(short) != model.predict(item((6, 2)))).any()


@pytest.mark.parametrize("kind", KINDS)
def test_mlflow_opens_a_model_that_takes_rows(folder: Callable[[str], Path], kind: str,
                                              opened: Callable[[str], loader.Model]) -> None:  # fmt: skip
    place, ours = folder(f"pets-{kind}"), opened(f"pets-{kind}")
    theirs = pyfunc.load_model(str(place))
    wanted = ours.predict([EXPANDED])
    for model in (ours, theirs):
        np.testing.assert_array_equal(model.predict(row()), wanted)
        np.testing.assert_array_equal(model.predict(row()[["island", "bill length", "sex", "age"]]), wanted)
    filled = ours.predict([[3.0, 0, 1, 0, 0, 1, 43.5]])
    np.testing.assert_array_equal(theirs.predict(row(sex=None, **{"bill length": None})), filled)
    item = np.load(Roots(place.parents[1]).prepared("pets") / "x_test.npy")[:1]
    np.testing.assert_array_equal(theirs.predict(theirs.input_example), ours.predict(item))
    columns = {c.name: (c.type.name, c.required) for c in theirs.metadata.get_input_schema().inputs}
    assert columns == {"age": ("double", True), "island": ("string", True),
                       "sex": ("string", False), "bill length": ("double", False)}  # fmt: skip


@pytest.mark.parametrize("kind", ["svm", "tree", "mlp", "int8"])
def test_a_server_takes_rows_and_refuses_what_is_none(folder: Callable[[str], Path], kind: str, tmp_path: Path,
                                                      opened: Callable[[str], loader.Model]) -> None:  # fmt: skip
    place = folder(f"pets-{kind}")
    wanted = opened(f"pets-{kind}").predict([EXPANDED, [3.0, 0, 1, 0, 0, 1, 43.5]])
    split = {"columns": list(ROW)[::-1], "data": [list(ROW.values())[::-1]]}

    def command(port: int) -> list[str]:
        return [str(place) if word.startswith("models:/") else word for word in serve_command("pets/1", port)]

    with serving(command, "/ping", tmp_path) as server:
        url = f"{server}/invocations"
        missing = {"sex": None, "bill length": None}
        answer = ask(url, {"dataframe_records": [ROW, ROW | missing]})["predictions"]
        np.testing.assert_allclose(answer, wanted, rtol=1e-6)
        for body in ({"dataframe_split": split}, {"inputs": [ROW]}, {"instances": [ROW]}):
            np.testing.assert_allclose(ask(url, body)["predictions"], wanted[:1], rtol=1e-6)
        example = json.loads((place / "serving_input_example.json").read_text())
        assert list(example) == ["dataframe_records"] and np.shape(ask(url, example)["predictions"]) == (1, 3)
        for changes, said in (
            ({"age": None}, "item 1 (the first is 0), column 'age': null or NaN; allowed are finite numbers"),
            ({"age": float("inf")}, "column 'age': inf; allowed are finite numbers"),
            ({"age": "old"}, "could not convert string to float: 'old'"),
            ({"island": "Mars"}, "column 'island': 'Mars'; allowed are 'Biscoe', 'Dream', 'Torgersen'"),
            ({"island": None}, "column 'island': null; allowed are 'Biscoe', 'Dream', 'Torgersen'"),
        ):
            assert said in refusal(url, {"dataframe_records": [ROW, ROW | changes]})
        for absent, said in (("age", "missing inputs ['age']"), ("sex", "missing column 'sex'")):
            left = {name: value for name, value in ROW.items() if name != absent}
            assert said in refusal(url, {"dataframe_records": [left]})
        assert "missing inputs" in refusal(url, {"dataframe_records": []})
        assert "missing inputs" in refusal(url, {"inputs": [EXPANDED]})
