"""Features that are a cell: what a frozen body gives its head, over which the head learns alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.cells.cell import read_json
from pipeline.data import dataset
from pipeline.training import features
from pipeline.training.blocks import head_name
from pipeline.training.network import load_network
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


def test_a_head_asks_the_body_for_nothing_while_it_learns(
    laboratory: Laboratory, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, spec, inputs = laboratory.asked("fmnist_resnet20", **RESNET, start={"weights": source, "train": "head"})
    made = inputs["features"]
    assert [np.load(made / f"{split}.npy").shape for split in features.SPLITS] == [(60, 16), (50, 16)]
    monkeypatch.setattr(features, "of", None)
    over = laboratory._order("train", entry, spec, inputs)
    spent = read_json(over / "costs.json")
    assert spent["train_seconds"] > spent["features_seconds"] == read_json(made / "costs.json")["features_seconds"] > 0


@pytest.mark.parametrize("key", ["diabetes_mlp", "gun_point_lstm"])
def test_features_of_numbers_and_of_series_are_what_the_network_gives_its_head(
    laboratory: Laboratory, key: str
) -> None:
    body = laboratory.train(key)
    _, spec, inputs = laboratory.asked(key, start={"weights": body, "train": "head"})
    data = dataset.load(inputs["data"], spec.budget, spec.seed, features.SPLITS)
    network = load_network(body)
    head = network.body.get_submodule(head_name(network.body))
    with torch.no_grad():
        over = head(torch.from_numpy(np.load(inputs["features"] / "train.npy")))
        whole = network.body(network.prepare(torch.from_numpy(data.x["train"])))
    torch.testing.assert_close(over, whole)


def test_weights_that_do_not_fit_are_refused_by_features_and_by_the_head(laboratory: Laboratory, source: Path) -> None:
    changes = {**RESNET, "args": {"depth": 8, "width": 6}, "start": {"weights": source, "train": "head"}}
    entry, spec, inputs = laboratory.asked("fmnist_resnet20", **changes)
    found = [
        read_json(folder / "result.json")
        for folder in (inputs["features"], laboratory._order("train", entry, spec, inputs))
    ]
    assert {made["status"] for made in found} == {"failed"} and found[0]["reason"] == found[1]["reason"]
    assert "does not fit: 0.weight is" in found[0]["reason"]
