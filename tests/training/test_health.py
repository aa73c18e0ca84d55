"""Each fault is named where it is, and nowhere else."""

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from pipeline.cells.cell import read_json
from pipeline.data import dataset
from pipeline.training import train
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
        ("fmnist_lenet5", {}, []),
        ("digits_mlp", {"optimizer": "sgd", "lr": 30.0, "schedule": "constant", "warmup": 0.0}, ["dead units"]),
    ],
    ids=["deep sigmoids", "with shortcuts", "healthy dense", "healthy convolutions", "healthy tiles", "rate too large"],
)
def test_it_is_named(laboratory: Laboratory, key: str, changes: dict[str, Any], named: list[str]) -> None:
    folder = laboratory.train(key, budget=BUDGET, **changes)
    assert sorted(set(findings(folder)) - {"exploding gradients"}) == named
    with (folder / "health.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS and [int(r["update"]) for r in rows if r["depth"] == "0"] == [1, 2, 4, 8, 16]
    assert all(float(r["activation"]) >= 0 for r in rows if r["update"] == "1")


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


def test_a_batch_that_is_learnt_has_no_dead_units() -> None:
    """No item violates a hinge loss's margin any more: nothing has a gradient, and nothing is wrong."""
    health = Health(nn.Linear(5, 4))
    shared = {"layer": "body", "depth": 0, "gradient": 0.0, "activation": 1.0, "ratio": 0.0, "dead": 1.0}
    health.rows = [{**shared, "update": 1, "dead": 0.0, "norm": 1.0}, {**shared, "update": 2, "norm": 0.0}]
    assert health.findings() == []
    health.rows.append({**shared, "update": 4, "norm": 1.0})
    assert [found.partition(":")[0] for found in health.findings()] == ["dead units"]


def test_what_vanishes_is_named_by_the_layers_that_were_compared() -> None:
    """The first look of a network that thaws from the top has its head alone."""
    health = Health(nn.Linear(5, 4))
    row = {"activation": 1.0, "ratio": 0.0, "dead": 0.0, "norm": 1.0}
    health.rows = [{**row, "update": 1, "layer": "head", "depth": 3, "gradient": 1.0}]
    layers = [("first", 1e-7), ("middle", 1e-3), ("head", 1.0)]
    health.rows += [{**row, "update": 2, "layer": n, "depth": d, "gradient": g} for d, (n, g) in enumerate(layers)]
    assert "layer first gets 1e-07 of the gradient of layer head" in health.findings()[0]


def test_an_update_that_the_scaler_skips_is_not_looked_at(laboratory: Laboratory) -> None:
    """16-bit gradients overflow at first by design: the scaler tries large scales and takes back what was too large."""
    _, spec, inputs = laboratory.asked("digits_mlp", budget=BUDGET)
    data = dataset.load(inputs["data"], spec.budget, 0, ("train", "validation"))
    for scale, looks in ((2.0**10, 1), (torch.finfo(torch.float32).max, 0)):
        system = train.assemble(spec, data)
        system.__dict__["_optimizer"] = torch.optim.SGD(system.network.body.parameters(), 0.1)
        scaler = torch.amp.GradScaler("cpu", init_scale=scale)
        system.__dict__["scaler"] = scaler
        system.update.__dict__["_backward"] = lambda loss, s=scaler: s.scale(loss * 1e3).backward()
        system.feed.begin(0)
        before = [p.detach().clone() for p in system.network.body.parameters()]
        system.update.gradients(system.feed.chunk(0)[0], True, 64)
        system.update.step(1, True)
        moved = any(not p.equal(b) for p, b in zip(system.network.body.parameters(), before, strict=True))
        assert (len({row["update"] for row in system.health.rows}), moved) == (looks, bool(looks))


def test_only_powers_of_two_are_looked_at() -> None:
    assert [n for n in range(1, 70) if Health.due(n)] == [1, 2, 4, 8, 16, 32, 64]


def test_a_table_of_tokens_is_judged_by_those_of_the_batch() -> None:
    body = nn.Sequential(nn.Embedding(1000, 4), nn.Flatten(), nn.Linear(12, 2))
    health = Health(body)
    health.begin()
    body(torch.tensor([[1, 2, 3], [3, 4, 1]])).square().sum().backward()
    health.gradients()
    health.end(1, 1.0)
    table = body[0].weight.grad  # type: ignore[union-attr]
    assert isinstance(table, torch.Tensor)
    row = health.rows[0]
    assert row["layer"] == "0" and row["dead"] == 0
    assert row["gradient"] == pytest.approx(float(table[1:5].square().mean().sqrt())) and not health.findings()
