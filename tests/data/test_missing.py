"""Missing values: refused with their place, dropped, or replaced by what the training items say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.impute import SimpleImputer

from pipeline.cells.cell import write_json
from pipeline.data import prepare
from pipeline.data.raw import DataError
from pipeline.data.spec import Missing, Prepare, Split
from tests.data.preparing import SPLIT, Project, meta, table
from tests.data.reading import write

RNG = np.random.default_rng(0)
GAPS = np.where(RNG.random((60, 4)) < 0.15, np.nan, np.round(RNG.normal(size=(60, 4)), 1))
PENGUINS = "island,bill,sex,species\n" + "".join(
    f"{'ABC'[n % 3]},{'' if n % 7 == 0 else n / 10},{'NA' if n % 9 == 0 else 'fm'[n % 2]},{'xy'[n % 2]}\n"
    for n in range(60)
)


def penguins(root: Path, missing: Missing, **options: Any) -> Path:
    write(root / "raw" / "p.csv", PENGUINS)
    write_json(root / "raw" / "card.json", {"title": "mine", "path": str(root / "raw" / "p.csv")})
    (root / "prepared").mkdir()
    options = {"categorical": ["island", "sex"], "missing_values": ["NA"], **options}
    spec = Prepare(
        data="p", reader="csv", options=options, task="classification", split=Split(**SPLIT), missing=missing
    )
    prepare.run(spec, root / "prepared", {"raw": root / "raw"})
    return root / "prepared"


@pytest.mark.parametrize("how", ["mean", "median", "mode"])
def test_imputed_as_scikit_learn_does_fitted_on_train(project: Project, how: Missing) -> None:
    folder = project.prepare(table(x_train=GAPS), missing=how)
    indices = np.load(folder / "split.npz")
    theirs = SimpleImputer(strategy="most_frequent" if how == "mode" else how).fit(GAPS[indices["train"]])
    for split in prepare.SPLITS:
        expected = theirs.transform(GAPS[indices[split]]).astype(np.float32)
        np.testing.assert_allclose(np.load(folder / f"x_{split}.npy"), expected, rtol=1e-6)
    assert np.allclose(meta(folder)["imputed"], theirs.statistics_)
    assert any(f"replaced by the {how} of the training items" in remark for remark in meta(folder)["remarks"])


def test_a_constant(project: Project) -> None:
    folder = project.prepare(table(x_train=GAPS), missing=-7.0)
    x = np.load(folder / "x_train.npy")
    assert ((x == -7) == np.isnan(GAPS[np.load(folder / "split.npz")["train"]])).all()


def test_rows_are_dropped_and_counted(project: Project) -> None:
    folder = project.prepare(table(x_train=GAPS), missing="drop")
    indices = np.load(folder / "split.npz")
    every = np.concatenate([indices[split] for split in prepare.SPLITS])
    assert sorted(every) == np.flatnonzero(~np.isnan(GAPS).any(axis=1)).tolist()
    assert np.array_equal(np.load(folder / "x_test.npy"), GAPS[indices["test"]].astype(np.float32))
    assert f"dropped: {60 - len(every)} of 60 rows with a missing value" in meta(folder)["remarks"]


def test_refused_with_file_line_and_column(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"p.csv:2: bill is missing .*\(\d+ of 60 rows lack a value.*`missing: drop`.*mean"
    ):
        penguins(tmp_path, "refuse")


def test_names_get_the_most_frequent(tmp_path: Path) -> None:
    folder = penguins(tmp_path, "mean")
    found = meta(folder)
    assert [column["name"] for column in found["columns"]] == ["island", "bill", "sex"]
    assert found["columns"][2]["names"] == ["f", "m"] and found["imputed"][2] in ("f", "m")
    for split in prepare.SPLITS:
        x = np.load(folder / f"x_{split}.npy")
        assert np.isfinite(x).all() and (x[:, :3].sum(axis=1) == 1).all() and (x[:, 4:].sum(axis=1) == 1).all()


def test_an_empty_label_is_refused_or_dropped(tmp_path: Path, project: Project) -> None:
    y = np.array(["a", "b", ""] * 20)
    with pytest.raises(
        DataError, match=r"x_train\[2\]: the label is empty \(20 of 60 labels are\); write `missing: drop`"
    ):
        project.prepare(table(y_train=y), missing="mean")
    folder = project.prepare(table(y_train=y), missing="drop")
    assert sum(meta(folder)["counts"]["train"]) + sum(meta(folder)["counts"]["test"]) < 40


def test_nothing_is_left_of_a_table_with_an_empty_column(project: Project) -> None:
    with pytest.raises(DataError, match="every row lacks a value, so none is left"):
        project.prepare(table(x_train=np.where(np.arange(4) == 1, np.nan, np.ones((60, 4)))), missing="drop")


def test_a_number_too_large_for_single_precision(project: Project) -> None:
    with pytest.raises(DataError, match="missing: 1e\\+39 is no number"):
        project.prepare(table(x_train=GAPS), missing=1e39)


def test_a_column_without_any_value_is_named(project: Project) -> None:
    with pytest.raises(DataError, match="column 1 has no value in any training item"):
        project.prepare(table(x_train=np.where(np.arange(4) == 1, np.nan, np.ones((60, 4)))), missing="mean")
