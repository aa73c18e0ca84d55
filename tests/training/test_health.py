"""Each fault is named where it is, and nowhere else."""

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from pipeline.cells import read_json
from pipeline.training.health import COLUMNS, Health, norm_of
from tests.laboratory import Laboratory

BUDGET = {"samples": 300, "validation": 100, "epochs": 3}
DEEP = {"hidden": [64] * 12}


def findings(folder: Path) -> list[str]:
    return [found.split(":")[0] for found in read_json(folder / "result.json")["health"]]


@pytest.mark.parametrize(
    ("key", "changes", "named"),
    [
        ("digits_mlp", {"args": {**DEEP, "activation": "sigmoid"}}, ["vanishing gradients"]),
        ("digits_mlp", {"args": {**DEEP, "activation": "sigmoid", "residual": True}}, []),
        ("digits_mlp", {}, []),
        ("digits_cnn", {}, []),
        ("digits_mlp", {"optimizer": "sgd", "lr": 30.0, "schedule": "constant", "warmup": 0.0}, ["dead units"]),
    ],
    ids=["deep sigmoids", "with shortcuts", "healthy dense", "healthy convolutions", "rate too large"],
)
def test_it_is_named(laboratory: Laboratory, key: str, changes: dict[str, Any], named: list[str]) -> None:
    folder = laboratory.train(key, budget=BUDGET, **changes)
    assert sorted(set(findings(folder)) - {"exploding gradients"}) == named
    with (folder / "health.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS and [int(r["update"]) for r in rows if r["depth"] == "0"] == [1, 2, 4, 8, 16]


def test_an_unclipped_relu_network_over_rows_explodes_and_gates_do_not(laboratory: Laboratory) -> None:
    changes: dict[str, Any] = {"gradient_clip": None, "lr": 0.01, "optimizer": "sgd", "weight_decay": 0.0}
    wild = laboratory.train(
        "fmnist_rnn", args={"activation": "relu"}, initialisation="kaiming_normal", budget=BUDGET, **changes
    )
    calm = laboratory.train("fmnist_gru", budget=BUDGET, **changes)
    assert "exploding gradients" in findings(wild) and not findings(calm)


def test_figures_are_those_of_the_layers() -> None:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
    body[0].bias.data[:] = torch.tensor([2.0, -100.0, 2.0, 2.0])  # one of them never fires
    health, x = Health(body), torch.rand(7, 5)
    before = [p.detach().clone() for p in body.parameters()]
    optimizer = torch.optim.SGD(body.parameters(), 0.1)
    health.begin()
    body(x).square().sum().backward()
    health.gradients()
    optimizer.step()
    health.end(1, 2.5)
    first, last = health.rows
    gradient = body[0].weight.grad
    assert first["gradient"] == pytest.approx(float(gradient.square().mean().sqrt()), rel=1e-5)
    assert first["dead"] == 0.25 and last["dead"] == 0.0
    moved = 0.1 * norm_of([body[2].weight.grad]) / norm_of([body[2].weight])
    assert last["ratio"] == pytest.approx(moved, rel=1e-4)
    hidden = (x @ before[0].T + before[1]).square().mean().sqrt()
    assert first["activation"] == pytest.approx(float(hidden), rel=1e-5)
    assert not any(layer._forward_hooks for layer in body)
    again = Health(body)
    again.load_state_dict(health.state_dict())
    assert again.rows == health.rows and again.findings() == health.findings() == []


def test_only_powers_of_two_are_looked_at() -> None:
    assert [n for n in range(1, 70) if Health.due(n)] == [1, 2, 4, 8, 16, 32, 64]
