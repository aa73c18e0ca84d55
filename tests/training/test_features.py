"""Features that are a cell: a head learns over them what it learns over those that its own network computes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.cells.cell import read_json
from pipeline.data import dataset
from pipeline.results import files
from pipeline.training import features, range_test
from tests.laboratory import Laboratory

RESNET: dict[str, Any] = {
    "budget": {"samples": 60, "validation": 50, "epochs": 2},
    "batch_size": 20,
    "args": {"depth": 8, "width": 4},
}


@pytest.fixture(scope="module")
def source(laboratory: Laboratory) -> Path:
    """A small ResNet after two epochs."""
    return laboratory.train("fmnist_resnet20", seed=5, **RESNET)


@pytest.mark.parametrize("head", ["new", "kept"])
def test_a_head_over_given_features_is_to_the_bit_that_over_its_own(
    laboratory: Laboratory, source: Path, monkeypatch: pytest.MonkeyPatch, head: str
) -> None:
    """And the body is not asked again while the head learns."""
    changes = {**RESNET, "start": {"weights": source, "train": "head", "head": head}}
    alone = laboratory.train("fmnist_resnet20", **changes)
    entry, spec, inputs = laboratory.asked("fmnist_resnet20", **changes)
    made = laboratory.features(spec, inputs)
    assert [np.load(made / f"{split}.npy").shape for split in features.SPLITS] == [(60, 16), (50, 16)]
    monkeypatch.setattr(features, "of", None)
    over = laboratory._order("train", entry, spec, {**inputs, "features": made})
    assert read_json(over / "result.json") == read_json(alone / "result.json")
    ours, theirs = (files.lines(folder / "history.csv") for folder in (over, alone))
    assert [line | {"seconds": ""} for line in ours] == [line | {"seconds": ""} for line in theirs]
    spent = read_json(over / "costs.json")
    assert spent["train_seconds"] > spent["features_seconds"] == read_json(made / "costs.json")["features_seconds"] > 0


def test_features_of_numbers_and_of_series_are_what_the_network_gives_its_head(laboratory: Laboratory) -> None:
    for key in ("diabetes_mlp", "gun_point_lstm"):
        started = {"weights": laboratory.train(key), "train": "head"}
        alone, over = (laboratory.train(key, start=started, features=given) for given in (False, True))
        assert read_json(over / "result.json") == read_json(alone / "result.json"), key


def test_weights_that_do_not_fit_are_refused_as_they_are_without_features(laboratory: Laboratory, source: Path) -> None:
    changes = {**RESNET, "args": {"depth": 8, "width": 6}, "start": {"weights": source, "train": "head"}}
    reasons = [
        read_json(laboratory.train("fmnist_resnet20", features=given, **changes) / "result.json")["reason"]
        for given in (False, True)
    ]
    assert reasons[0] == reasons[1] and "does not fit: 0.weight is" in reasons[0]
    _, spec, inputs = laboratory.asked("fmnist_resnet20", **changes)
    result = read_json(laboratory.features(spec, inputs) / "result.json")
    assert result["status"] == "failed" and result["reason"] == reasons[0]


def test_a_range_test_reads_them_too(laboratory: Laboratory, source: Path) -> None:
    _, spec, inputs = laboratory.asked("fmnist_resnet20", **RESNET, start={"weights": source, "train": "head"})
    data = dataset.load(inputs["data"], spec.budget, spec.seed, features.SPLITS)
    given = range_test.run(spec, data, inputs["start"], laboratory.features(spec, inputs))
    assert given == range_test.run(spec, data, inputs["start"])
