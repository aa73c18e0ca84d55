"""Prepared data is what its description says, or it is refused with counts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.npyio import NpzFile

from pipeline.cells.cell import write_json
from pipeline.data import dataset, prepare
from pipeline.data.raw import DataError
from pipeline.data.spec import Budget, Prepare, Split

SPLIT = {"validation": 0.2, "test": 0.25, "seed": 0}


class Project:
    """An npz source and what `prepare` makes of it."""

    def __init__(self, root: Path) -> None:
        self.root, self.made = root, 0

    def prepare(self, arrays: dict[str, Any], split: dict[str, Any] = SPLIT, **options: Any) -> Path:
        self.made += 1
        raw, folder = self.root / f"raw{self.made}", self.root / f"prepared{self.made}"
        raw.mkdir()
        folder.mkdir()
        np.savez(raw / "data.npz", **arrays)
        write_json(raw / "card.json", {"title": "mine", "path": str(raw / "data.npz")})
        task = options.pop("task", "classification")
        spec = Prepare(data="mine", reader="npz", options=options, task=task, split=Split(**split))
        prepare.run(spec, folder, {"raw": raw})
        return folder


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def table(n: int = 60, classes: int = 3, seed: int = 0, **changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {"x_train": rng.normal(size=(n, 4)), "y_train": np.arange(n) % classes, **changes}


def meta(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "meta.json").read_text())


nan = table()["x_train"].copy()
nan[0, 0] = nan[1, 1] = np.nan
nan[2, 2] = np.inf
images = {"x_train": np.zeros((60, 2, 2), np.uint8)}
test_split = {"x_test": np.ones((2, 4)), "y_test": np.array([0, 1])}
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "images that nobody said to be images": (
        table(x_train=np.zeros((60, 4, 3, 2))),
        {},
        r"mine, train: items of shape \(4, 3, 2\); tabular data has \(F\)",
    ),
    "test of another shape": (
        table(**{**test_split, "x_test": np.ones((2, 5))}),
        {},
        r"mine, test: items of shape \(5,\); .*as in train: \(4,\)",
    ),
    "wrong dtype": (
        table(x_train=np.zeros((60, 2, 2), np.float32)),
        {"shape": [1, 2, 2]},
        "image data of dtype float32; expected uint8",
    ),
    "label out of range": (
        table(y_train=np.arange(60) % 3 + 1),
        {"classes": ["a", "b", "c"]},
        r"mine, train: 20 of 60 labels are outside 0 to 2: \[3\]",
    ),
    "negative label": (table(y_train=np.arange(60) % 3 - 1), {}, r"20 of 60 labels are outside 0 to 1: \[-1\]"),
    "label of test out of range": (
        table(x_test=np.ones((3, 4)), y_test=np.array([0, 1, 7])),
        {"classes": ["a", "b", "c"]},
        r"mine, test: 1 of 3 labels are outside 0 to 2: \[7\]",
    ),
    "class missing in train": (
        table(classes=2, x_test=np.ones((3, 4)), y_test=np.array([0, 1, 2])),
        {},
        r"mine, train: no item of class 2 \(found: 0 24, 1 24, 2 0\)",
    ),
    "class too small to split": (
        table(y_train=np.array([0] * 30 + [1] * 29 + [2])),
        {},
        r"no item of class 2 \(found: ",
    ),
    "class missing in test": (table(**test_split), {}, r"mine, test: no item of class 2 \(found: 0 1, 1 1, 2 0\)"),
    "values that are no numbers": (table(x_train=nan), {}, "mine, train: 3 of 240 values are not finite numbers"),
    "too large for single precision": (table(x_train=np.full((60, 4), 1e300)), {}, "240 of 240 values are not finite"),
    "fewer labels": (table(y_train=np.arange(59) % 3), {}, "mine, train: 60 items but 59 labels"),
    "no items": (table(x_train=np.zeros((0, 4)), y_train=np.zeros(0, int)), {}, "mine, train: no items"),
    "one value for all": (table(x_train=np.ones(60)), {}, "items of shape"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_refused_with_counts(project: Project, fault: str) -> None:
    arrays, options, said = REFUSED[fault]
    with pytest.raises(DataError, match=said):
        project.prepare(arrays, **options)
    assert not list((project.root / "prepared1").iterdir())


def test_refused_without_a_test_split(project: Project) -> None:
    with pytest.raises(DataError, match="the source brings no test split; give split.test, a share of train"):
        project.prepare(table(), {**SPLIT, "test": None})


def test_images_of_the_right_kind_pass(project: Project) -> None:
    assert meta(project.prepare(table(**images), shape=[1, 2, 2]))["kind"] == "image"


# the split


def read(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], NpzFile]:
    x, y = ({s: np.load(folder / f"{a}_{s}.npy") for s in prepare.SPLITS} for a in "xy")
    return x, y, np.load(folder / "split.npz")


def test_stored_indices_reproduce_the_arrays_and_overlap_nowhere(project: Project) -> None:
    arrays = table(61)
    x, y, indices = read(project.prepare(arrays))
    for split in prepare.SPLITS:
        assert np.array_equal(arrays["x_train"][indices[split]].astype(np.float32), x[split])
        assert np.array_equal(arrays["y_train"][indices[split]], y[split])
    every = np.concatenate([indices[s] for s in prepare.SPLITS])
    assert sorted(every) == list(range(61))
    assert [len(y[s]) for s in prepare.SPLITS] == [34, 12, 15]


def test_a_split_that_the_source_brings_is_kept(project: Project) -> None:
    arrays = table(x_test=np.full((6, 4), 9.0), y_test=np.arange(6) % 3)
    x, _, indices = read(project.prepare(arrays, {**SPLIT, "test": None}))
    assert np.all(x["test"] == 9) and indices["test"].tolist() == list(range(6))
    assert sorted([*indices["train"], *indices["validation"]]) == list(range(60))


def test_the_seed_decides_the_split(project: Project) -> None:
    same, again, other = (read(project.prepare(table(), {**SPLIT, "seed": s}))[2] for s in (0, 0, 1))
    assert all(np.array_equal(same[s], again[s]) for s in prepare.SPLITS)
    assert not np.array_equal(same["test"], other["test"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=200), st.floats(0, 1), st.integers(0, 3))
def test_a_stratified_draw_keeps_every_share(labels: list[int], share: float, seed: int) -> None:
    y = np.array(labels)
    size = round(share * len(y))
    drawn = prepare.stratified(y, size, np.random.default_rng(seed))
    assert len(drawn) == size == len(set(drawn.tolist())) and np.all(np.diff(drawn) > 0)
    for c in set(labels):
        assert abs((y[drawn] == c).sum() - size * labels.count(c) / len(y)) < 1
    assert np.array_equal(drawn, prepare.stratified(y, size, np.random.default_rng(seed)))


def test_two_seeds_draw_different_items() -> None:
    y = np.arange(100) % 5
    assert not np.array_equal(*(prepare.stratified(y, 50, np.random.default_rng(s)) for s in (0, 1)))


# what is fitted, on what


def test_statistics_are_those_of_train_only(project: Project) -> None:
    base = table(x_test=np.zeros((6, 4)), y_test=np.arange(6) % 3)
    split = {**SPLIT, "test": None}
    first = project.prepare(base, split)
    changed = project.prepare({**base, "x_test": np.full((6, 4), 1e6)}, split)
    chosen = read(first)[2]["validation"]
    moved = base["x_train"].copy()
    moved[chosen] = -1e6
    validation = project.prepare({**base, "x_train": moved}, split)
    assert meta(first)["statistics"] == meta(changed)["statistics"] == meta(validation)["statistics"]
    train = read(first)[0]["train"]
    assert np.allclose(meta(first)["statistics"]["mean"], train.mean(axis=0))
    assert np.allclose(meta(first)["statistics"]["std"], train.std(axis=0))
    assert np.allclose(meta(first)["statistics"]["maximum"], train.max(axis=0))


def test_a_change_in_train_changes_the_statistics(project: Project) -> None:
    arrays = table()
    moved = arrays["x_train"].copy()
    moved[read(project.prepare(arrays))[2]["train"][0]] += 5
    assert (
        meta(project.prepare(arrays))["statistics"] != meta(project.prepare({**arrays, "x_train": moved}))["statistics"]
    )


@pytest.mark.parametrize("how", ["none", "unit", "standardise"])
def test_scaling_does_what_its_name_says_and_survives_a_constant_column(project: Project, how: str) -> None:
    arrays = table()
    arrays["x_train"][:, 2] = 3.0
    folder = project.prepare(arrays)
    x = read(folder)[0]["train"]
    shift, factor = dataset.scaling(meta(folder)["statistics"], how)
    scaled = (x - shift) * factor
    assert np.isfinite(scaled).all()
    expected = {
        "none": x,
        "unit": (x - x.min(0)) / np.maximum(np.ptp(x, axis=0), 1e-9),
        "standardise": (x - x.mean(0)) / np.maximum(x.std(0), 1e-9),
    }[how]
    assert np.allclose(scaled[:, [0, 1, 3]], expected[:, [0, 1, 3]], atol=1e-5)
    assert np.allclose(scaled[:, 2], 3.0 if how == "none" else 0.0)


def test_channels_of_images_are_scaled_one_by_one(project: Project) -> None:
    x = np.zeros((60, 2, 2, 2), np.uint8)
    x[:, 1] = np.arange(60).reshape(-1, 1, 1)
    folder = project.prepare(table(x_train=x), shape=[2, 2, 2])
    assert meta(folder)["statistics"]["maximum"][0] == 0 and meta(folder)["statistics"]["maximum"][1] > 50


def test_duplicates_across_splits_are_counted(project: Project) -> None:
    arrays = table(x_test=np.full((6, 4), 7.0), y_test=np.arange(6) % 3)
    none = project.prepare(arrays, {**SPLIT, "test": None})
    assert meta(none)["duplicates"] == {"train-validation": 0, "train-test": 0, "validation-test": 0}
    _, _, indices = read(none)
    arrays["x_test"][:2] = arrays["x_train"][indices["train"][0]]
    arrays["x_test"][2] = arrays["x_train"][indices["validation"][0]]
    arrays["x_train"][indices["validation"][1]] = arrays["x_train"][indices["train"][3]]
    found = meta(project.prepare(arrays, {**SPLIT, "test": None}))["duplicates"]
    assert found == {"train-validation": 1, "train-test": 2, "validation-test": 1}


def test_counts_and_classes_are_told(project: Project) -> None:
    said = meta(project.prepare(table(), classes=["a", "b", "c"]))
    assert said["classes"] == ["a", "b", "c"] and said["shape"] == [4]
    assert {s: sum(c) for s, c in said["counts"].items()} == {"train": 33, "validation": 12, "test": 15}


# the budget


def test_a_budget_draws_by_seed_and_validation_for_all_seeds_alike(project: Project) -> None:
    folder = project.prepare(table(300))
    budget = {"samples": 60, "validation": 30}
    zero, again, one = (dataset.load(folder, Budget(**budget, epochs=1), seed, prepare.SPLITS) for seed in (0, 0, 1))
    assert np.array_equal(zero.x["train"], again.x["train"]) and not np.array_equal(zero.x["train"], one.x["train"])
    assert np.array_equal(zero.x["validation"], one.x["validation"])
    assert np.bincount(zero.y["train"]).tolist() == [20, 20, 20] and len(zero.y["validation"]) == 30
    assert len(zero.y["test"]) == 75
    assert zero.meta["statistics"] == one.meta["statistics"]


def test_arrays_with_pickles_are_not_loaded(project: Project) -> None:
    folder = project.prepare(table())
    np.save(folder / "x_train.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects|allow_pickle"):
        dataset.load(folder, Budget(epochs=1), 0, ("train",))


# series and numbers


def series(*lengths: int, longest: int = 6) -> np.ndarray:
    x = np.arange(len(lengths) * longest * 2, dtype=np.float32).reshape(len(lengths), longest, 2)
    for row, length in zip(x, lengths, strict=True):
        row[length:] = np.nan
    return x


def test_series_are_described_without_their_padding(project: Project) -> None:
    x = series(*([6, 3, 1, 5] * 15))
    folder = project.prepare(table(x_train=x), shape=[6, 2])
    kept, found = np.load(folder / "x_train.npy"), meta(folder)
    assert found["kind"] == "series" and found["shape"] == [6, 2]
    assert found["statistics"]["mean"] == pytest.approx(np.nanmean(kept, axis=(0, 1)), rel=1e-6)
    assert found["statistics"]["maximum"] == pytest.approx(np.nanmax(kept, axis=(0, 1)))


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


def test_numbers_to_predict_are_kept_and_standardised_for_training_alone(project: Project) -> None:
    y = np.linspace(10.0, 30.0, 60)
    folder = project.prepare(table(y_train=y), task="regression")
    found = meta(folder)
    assert found["classes"] == [] and found["counts"] == {"train": [33], "validation": [12], "test": [15]}
    data = dataset.load(folder, Budget(samples=20, epochs=1), 0, ("train", "validation"))
    whole = np.load(folder / "y_train.npy")
    assert data.target_scale == pytest.approx((whole.mean(), whole.std()), rel=1e-6) and len(data.y["train"]) == 20
    back = data.target("validation") * data.target_scale[1] + data.target_scale[0]
    assert back == pytest.approx(data.y["validation"], rel=1e-6) and set(data.y["train"]) <= set(whole)


def test_refit_keeps_the_validation_items_in_train(project: Project) -> None:
    kept, plain = (meta(project.prepare(table(), {**SPLIT, "refit": refit}))["counts"] for refit in (True, False))
    assert kept["train"] == [a + b for a, b in zip(plain["train"], plain["validation"], strict=True)]
    assert kept["validation"] == plain["validation"] and kept["test"] == plain["test"]
