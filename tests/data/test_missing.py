"""Missing values and texts: refused with their place, dropped, or replaced by what the training items say."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from tokenizers import Tokenizer

from pipeline.cells.cell import write_json
from pipeline.data import prepare, ragged
from pipeline.data.missing import complete_rows
from pipeline.data.raw import DataError, Raw
from pipeline.data.spec import Missing, Prepare, Split, Tokens
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


# Of each reader of texts: its files, its options, where the first text is missing, and what is left.
TABLE = "text,label\n" + "a b,x\n \t ,x\nb c,y\n,y\nc d,\nd a,x\n"
TEXTS: dict[str, tuple[dict[str, str], dict[str, Any], str, list[str]]] = {
    "text_table": (
        {"train.csv": TABLE, "test.csv": "text,label\na,x\nb,y\n", "val.csv": "text,label\na,x\nb,y\n"},
        {"text": "text", "label": "label"},
        r"train.csv:6: the label is empty \(1 of 6 labels are\)",
        ["a b", "b c", "d a"],
    ),
    "parallel": (
        {f"{split}.{language}": "a b\nb c\n" for split in ("train", "val", "test") for language in ("en", "fr")}
        | {"train.en": "a\n \nc\nd e\n", "train.fr": "b\nd\nd\n \n"},
        {"source_language": "en", "target_language": "fr"},
        r"train.en:4: the target is empty \(1 of 4 targets are\)",
        ["a", "c"],
    ),
    "text_folder": (
        {f"{split}/{label}/1.txt": f"a {label}" for split in ("train", "val", "test") for label in "xy"}
        | {"train/x/2.txt": " \n"},
        {},
        r"train/x/2.txt: the text is empty \(1 of 3 rows of train have none\)",
        ["a x", "a y"],
    ),
}


@pytest.mark.parametrize("reader", TEXTS)
def test_an_empty_text_is_refused_or_dropped_and_counted(tmp_path: Path, reader: str) -> None:
    files, options, said, left = TEXTS[reader]
    for name, content in files.items():
        write(tmp_path / "raw" / name, content)
    (tmp_path / "card").mkdir()
    write_json(tmp_path / "card" / "card.json", {"title": "mine", "path": str(tmp_path / "raw")})
    task = "translation" if reader == "parallel" else "classification"

    def prepared(missing: Missing) -> Path:
        folder = tmp_path / f"{missing}"
        folder.mkdir()
        spec = Prepare(data="mine", reader=reader, options=options, task=task, split=Split(), missing=missing,
                       tokens=Tokens(by="words", length=5))  # fmt: skip
        prepare.run(spec, folder, {"raw": tmp_path / "card"})
        return folder

    with pytest.raises(DataError, match=f"{said}; write `missing: drop` into the data set's entry"):
        prepared("refuse")
    found = prepared("drop")
    x, known = ragged.load(found, "x_train", 0, 5), Tokenizer.from_file(str(found / "tokenizer.json"))
    assert [known.decode(x[n][0].tolist()) for n in range(len(x))] == left
    count = len(TABLE.splitlines()) - 1 if reader == "text_table" else {"parallel": 4, "text_folder": 3}[reader]
    assert (
        f"dropped: {count - len(left)} of {count} rows of train without a text or its target" in meta(found)["remarks"]
    )


def test_a_text_is_empty_where_its_label_is_not(tmp_path: Path) -> None:
    x = np.array(["a", " ", ""], object)
    raw = Raw("tokens", {"train": (x, np.array(["x", "y", "x"]))}, where=lambda split, n: f"{split}.csv:{n + 1}")
    with pytest.raises(
        DataError, match=r"train.csv:2: the text is empty \(2 of 3 rows have none\); write `missing: drop`"
    ):
        complete_rows(raw, "refuse", "mine")
    tagged = np.fromiter([("a", "b"), ("c",)], object, 2)
    kept, said = complete_rows(Raw("tokens", {"train": (tagged, tagged)}), "refuse", "mine")
    assert kept["train"].tolist() == [0, 1] and not said
