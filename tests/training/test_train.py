"""Train cells: exact resume, recipes, precision, and what ends a run."""

import csv
import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.cells import MARKER, read_json
from pipeline.training import network, train
from pipeline.training.system import System
from tests.laboratory import Laboratory


def history(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_learns_and_records_every_epoch(laboratory: Laboratory) -> None:
    folder = laboratory.train("digits_cnn", budget={"samples": None, "validation": None, "epochs": 6})
    rows = history(folder)
    assert [int(r["epoch"]) for r in rows] == list(range(6))
    assert float(rows[-1]["train_loss"]) < 0.3 * float(rows[0]["train_loss"])
    assert float(rows[-1]["validation_accuracy"]) > 0.9
    assert read_json(folder / "result.json")["validation"]["accuracy"] == pytest.approx(
        float(rows[-1]["validation_accuracy"]), abs=1e-5
    )


def test_equal_seeds_give_equal_weights_and_others_do_not(laboratory: Laboratory) -> None:
    hashes = [read_json(laboratory.train("digits_mlp", seed) / "result.json")["weights_hash"] for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]


class Killed(BaseException):
    """Stands for a kill: nothing in the way of training may catch it."""


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "constant"])
def test_a_killed_run_resumes_to_the_same_weights(
    laboratory: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schedule: str
) -> None:
    changes: dict[str, Any] = {
        "schedule": schedule,
        "args": {"dropout": 0.2},
        "budget": {"samples": 300, "validation": 100, "epochs": 5},
    }
    whole = read_json(laboratory.train("digits_mlp", **changes) / "result.json")["weights_hash"]
    monkeypatch.setattr(train.fit, "__defaults__", (0.0,))  # a checkpoint at every epoch
    validated = System.validation_step

    def until_epoch_3(self: System, chunk: int, index: int) -> None:
        if self.current_epoch == 3:
            raise Killed
        validated(self, chunk, index)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(System, "validation_step", until_epoch_3)
        laboratory.train("digits_mlp", folder=tmp_path / "cell", **changes)
    assert (tmp_path / "cell" / "checkpoint.ckpt").is_file()
    assert not (tmp_path / "cell" / MARKER).exists()
    epochs: list[int] = []
    started = System.on_train_epoch_start
    monkeypatch.setattr(System, "on_train_epoch_start", lambda self: (epochs.append(self.current_epoch), started(self)))
    folder = laboratory.train("digits_mlp", folder=tmp_path / "cell", **changes)
    assert epochs == [3, 4]
    assert read_json(folder / "result.json")["weights_hash"] == whole
    assert [int(r["epoch"]) for r in history(folder)] == list(range(5))
    assert not (folder / "checkpoint.ckpt").exists()


def test_sigterm_in_training_is_no_success(laboratory: Laboratory, tmp_path: Path) -> None:
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # as in a cell's own process
    timer.start()
    try:
        with pytest.raises((train.Interrupted, SystemExit)):
            laboratory.train(
                "digits_mlp", folder=tmp_path / "cell", budget={"samples": None, "validation": 100, "epochs": 5000}
            )
    finally:
        timer.cancel()
        signal.signal(signal.SIGTERM, before)
    assert not (tmp_path / "cell" / MARKER).exists()


def test_a_loss_that_is_no_number_ends_the_run_with_step_and_epoch(laboratory: Laboratory) -> None:
    folder = laboratory.train("digits_mlp", optimizer="sgd", lr=1e30, schedule="constant", batch_size=50)
    result = read_json(folder / "result.json")
    assert result["status"] == "failed"
    assert result["reason"].startswith("loss is nan at step ") or result["reason"].startswith("loss is inf at step ")
    assert int(result["reason"].split("step ")[1].split(",")[0]) <= 6
    assert not (folder / network.WEIGHTS).exists()


def test_an_input_the_network_cannot_take_is_a_failed_result(laboratory: Laboratory) -> None:
    folder = laboratory.train("fmnist_cnn", args={"kernel": 28}, budget={"samples": 50, "validation": 50, "epochs": 1})
    assert "too small for kernel 28; need 29" in read_json(folder / "result.json")["reason"]


def test_bf16_on_the_processor_trains(laboratory: Laboratory) -> None:
    budget = {"samples": None, "validation": None, "epochs": 6}
    folder = laboratory.train("digits_cnn", precision="bf16-mixed", budget=budget)
    assert read_json(folder / "result.json")["validation"]["accuracy"] > 0.85


def test_gradient_clipping_bounds_the_step(laboratory: Laboratory) -> None:
    """One plain gradient step of rate 1 moves the weights by exactly the clipped norm."""
    changes: dict[str, Any] = {"optimizer": "sgd", "lr": 1.0, "weight_decay": 0.0, "schedule": "constant"}
    budget = {"samples": 100, "validation": 100, "epochs": 1}
    folder = laboratory.train("digits_mlp", batch_size=100, gradient_clip=0.01, budget=budget, **changes)
    spec, result = read_json(folder / "spec.json"), read_json(folder / "result.json")
    trained = network.load_network(folder)
    train.seed_everything(0, 1)
    scale = (trained.shift.numpy(), trained.factor.numpy())
    start = network.build(spec, tuple(result["shape"]), len(result["classes"]), scale)
    moved = torch.cat([(a - b).flatten() for a, b in zip(trained.parameters(), start.parameters(), strict=True)])
    assert moved.norm().item() == pytest.approx(0.01, rel=1e-3)


def test_learning_rates_follow_the_schedule(laboratory: Laboratory) -> None:
    """The last of 20 updates against the formulas: Smith & Topin's final rate, a half cosine, nothing."""
    budget = {"samples": 320, "validation": 100, "epochs": 4}
    changes: dict[str, Any] = {"lr": 0.01, "batch_size": 64, "budget": budget}
    rates = {s: float(history(laboratory.train("digits_mlp", schedule=s, **changes))[-1]["lr"])
             for s in ("one_cycle", "cosine", "constant")}  # fmt: skip
    assert rates["one_cycle"] == pytest.approx(0.01 / 25 / 1e4)
    assert rates["cosine"] == pytest.approx(0.01 * (1 + np.cos(np.pi * 19 / 20)) / 2, rel=1e-4)
    assert rates["constant"] == pytest.approx(0.01)


@pytest.mark.parametrize("scaling", ["none", "unit", "standardise"])
def test_scaling_is_fitted_on_train_and_travels_with_the_weights(laboratory: Laboratory, scaling: str) -> None:
    folder = laboratory.train("digits_mlp", scaling=scaling)
    x = np.load(laboratory.data("digits") / "x_train.npy")
    scaled = network.load_network(folder).prepare(torch.from_numpy(x)).numpy()
    if scaling == "none":
        np.testing.assert_array_equal(scaled, x.reshape(len(x), -1).astype(np.float32))
    elif scaling == "unit":
        assert (scaled.min(), scaled.max()) == (0.0, pytest.approx(1.0))
    else:
        assert (scaled.mean(), scaled.std()) == (pytest.approx(0.0, abs=1e-4), pytest.approx(1.0, abs=1e-4))
