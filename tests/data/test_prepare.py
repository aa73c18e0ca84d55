"""Prepared data is what its description says: how it is split, what is fitted on what, what a budget draws."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.npyio import NpzFile

from pipeline.data import dataset, prepare
from pipeline.data.spec import Budget
from pipeline.data.splits import stratified
from tests.data.preparing import SPLIT, Project, meta, series, table

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
    drawn = stratified(y, size, np.random.default_rng(seed))
    assert len(drawn) == size == len(set(drawn.tolist())) and np.all(np.diff(drawn) > 0)
    every = size >= len(set(labels))  # then each class has an item, which the largest may have to give
    for c in set(labels):
        found, due = (y[drawn] == c).sum(), size * labels.count(c) / len(y)
        assert found >= 1 if every and due < 1 else due - found < (len(set(labels)) if every else 1) and found - due < 1
    assert np.array_equal(drawn, stratified(y, size, np.random.default_rng(seed)))


@pytest.mark.parametrize(("refit", "least"), [(False, 3), (True, 2)])
def test_the_smallest_class_that_can_be_split_is(project: Project, refit: bool, least: int) -> None:
    labels = np.array([0] * 30 + [1] * (30 - least) + [2] * least)
    _, y, _ = read(project.prepare(table(y_train=labels), {**SPLIT, "validation": 0.1, "refit": refit}))
    assert [(y[split] == 2).sum() for split in prepare.SPLITS] == [1, 1, 1]
    assert abs(len(y["test"]) - 15) <= 1, "the other classes still have their shares"


def test_two_seeds_draw_different_items() -> None:
    y = np.arange(100) % 5
    assert not np.array_equal(*(stratified(y, 50, np.random.default_rng(s)) for s in (0, 1)))


# what is fitted, on what


@pytest.mark.parametrize("scale", [1e-24, 1.0, 1e20, 1e30])
def test_statistics_of_numbers_of_any_size(project: Project, scale: float) -> None:
    arrays = table()
    folder = project.prepare({**arrays, "x_train": arrays["x_train"] * scale})
    found = np.load(folder / "x_train.npy").astype(np.float64)
    np.testing.assert_allclose(meta(folder)["statistics"]["std"], found.std(axis=0), rtol=1e-6)
    np.testing.assert_allclose(meta(folder)["statistics"]["mean"], found.mean(axis=0), rtol=1e-6)


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
    shift, factor = dataset.scaling(meta(folder)["statistics"], how, "none")
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


def test_series_are_described_without_their_padding(project: Project) -> None:
    x = series(*([6, 3, 1, 5] * 15))
    folder = project.prepare(table(x_train=x), shape=[6, 2])
    kept, found = np.load(folder / "x_train.npy"), meta(folder)
    assert found["kind"] == "series" and found["shape"] == [6, 2]
    assert found["statistics"]["mean"] == pytest.approx(np.nanmean(kept, axis=(0, 1)), rel=1e-6)
    assert found["statistics"]["maximum"] == pytest.approx(np.nanmax(kept, axis=(0, 1)))


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
