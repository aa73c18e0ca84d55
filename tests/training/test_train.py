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

from pipeline.cells.cell import MARKER, parsed, read_json
from pipeline.data import arrays, dataset
from pipeline.data.spec import Facts
from pipeline.training import network, train
from pipeline.training.distributed import Unavailable
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
    often = {"checkpoint_seconds": 0.0}  # a checkpoint at every epoch
    validated = System.validation_step

    def until_epoch_3(self: System, chunk: int, index: int) -> None:
        if self.epoch == 3:
            raise Killed
        validated(self, chunk, index)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(System, "validation_step", until_epoch_3)
        laboratory.train("digits_mlp", folder=tmp_path / "cell", execution=often, **changes)
    assert (tmp_path / "cell" / "checkpoint.ckpt").is_file()
    assert not (tmp_path / "cell" / MARKER).exists()
    epochs: list[int] = []
    started = System.on_train_epoch_start
    monkeypatch.setattr(System, "on_train_epoch_start", lambda self: (epochs.append(self.epoch), started(self)))
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
    assert "28 x 28 are too small; the smallest that works is 29 x 29" in read_json(folder / "result.json")["reason"]


def test_bf16_on_the_processor_trains(laboratory: Laboratory) -> None:
    budget = {"samples": None, "validation": None, "epochs": 6}
    folder = laboratory.train("digits_cnn", precision="bf16-mixed", budget=budget)
    assert read_json(folder / "result.json")["validation"]["accuracy"] > 0.85


def test_a_recipe_s_precision_goes_before_the_profile_s(laboratory: Laboratory) -> None:
    hashes = [
        read_json(laboratory.train("digits_cnn", **changes) / "result.json")["weights_hash"]
        for changes in ({"precision": "bf16-mixed"}, {"recipe_precision": "bf16-mixed"}, {})
    ]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU has it")
def test_a_precision_that_the_device_lacks_is_an_error_before_training(laboratory: Laboratory, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="16-mixed needs a GPU"):
        laboratory.train("digits_cnn", folder=tmp_path / "cell", precision="16-mixed")
    assert not (tmp_path / "cell" / MARKER).exists()


@pytest.mark.parametrize("clip", [None, 0.1])
def test_scaled_gradients_give_the_same_weights(laboratory: Laboratory, tmp_path: Path, clip: float | None) -> None:
    """To the bit in single precision, since the scale is a power of 2: unscaled before the norm is clipped."""
    _, spec, inputs = laboratory.asked("digits_mlp", gradient_clip=clip)
    data = dataset.load(inputs["data"], spec.budget, 0, ("train", "validation"))
    found = []
    for scaler in (None, torch.amp.GradScaler("cpu")):
        train.seed_everything(0, 1)
        system = train.assemble(spec, data)
        system.__dict__["scaler"] = scaler
        train.fit(system, "32-true", tmp_path)
        found.append(network.weights_hash(system.network.state_dict()))
    assert found[0] == found[1]


def test_gradient_clipping_bounds_the_step(laboratory: Laboratory) -> None:
    """One plain gradient step of rate 1 moves the weights by exactly the clipped norm."""
    changes: dict[str, Any] = {"optimizer": "sgd", "lr": 1.0, "weight_decay": 0.0, "schedule": "constant"}
    budget = {"samples": 100, "validation": 100, "epochs": 1}
    folder = laboratory.train("digits_mlp", batch_size=100, gradient_clip=0.01, budget=budget, **changes)
    spec, result = parsed(train.Spec, read_json(folder / "spec.json")), read_json(folder / "result.json")
    trained = network.load_network(folder)
    train.seed_everything(0, 1)
    scale = (trained.shift.numpy(), trained.factor.numpy())
    start = network.build(spec, parsed(Facts, result), scale)
    moved = torch.cat([(a - b).flatten() for a, b in zip(trained.parameters(), start.parameters(), strict=True)])
    assert moved.norm().item() == pytest.approx(0.01, rel=1e-3)


def test_learning_rates_follow_the_schedule(laboratory: Laboratory) -> None:
    """The last of 20 updates against the formulas: Smith & Topin's final rate, half a cosine after 5 steps, nothing."""
    budget = {"samples": 320, "validation": 100, "epochs": 4}
    changes: dict[str, Any] = {"lr": 0.01, "batch_size": 64, "budget": budget}
    rates = {s: float(history(laboratory.train("digits_mlp", schedule=s, **changes))[-1]["lr"])
             for s in ("one_cycle", "cosine", "constant")}  # fmt: skip
    assert rates["one_cycle"] == pytest.approx(0.01 / 25 / 1e4)
    assert rates["cosine"] == pytest.approx(0.01 * (1 + np.cos(np.pi * 14 / 15)) / 2, rel=1e-4)
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


def test_numbers_are_learnt_standardised_and_answered_in_their_own_units(laboratory: Laboratory) -> None:
    folder = laboratory.train("diabetes_mlp", budget={"samples": None, "validation": None, "epochs": 20})
    result, last = read_json(folder / "result.json"), history(folder)[-1]
    assert result["status"] == "ok" and result["validation"]["r2"] == pytest.approx(
        float(last["validation_r2"]), abs=1e-5
    )
    x, y = (np.load(laboratory.data("diabetes") / f"{a}_validation.npy") for a in "xy")
    answers = network.logits(network.load_network(folder), x)[:, 0]
    assert 1 - ((answers - y) ** 2).sum() / ((y - y.mean()) ** 2).sum() == pytest.approx(
        result["validation"]["r2"], abs=1e-4
    )
    assert 0.3 < result["validation"]["r2"] < 0.6
    values = {(s, m): v for s, m, v in laboratory.evaluate(folder)["values"]}
    assert values["validation", "rmse"] == pytest.approx(np.sqrt(((answers - y) ** 2).mean()), rel=1e-5)
    assert not {"accuracy", "nll"} & {metric for _, metric in values}


@pytest.mark.slow
def test_series_of_any_length_train_and_are_read_back(laboratory: Laboratory) -> None:
    folder = laboratory.train("japanese_vowels_gru", budget={"samples": None, "validation": None, "epochs": 8})
    assert read_json(folder / "result.json")["validation"]["accuracy"] > 0.6
    x = np.load(laboratory.data("japanese_vowels") / "x_test.npy")
    found = network.logits(network.load_network(folder), x)
    assert np.isnan(x).any() and np.isfinite(found).all()
    values = laboratory.evaluate(folder)["values"]
    assert {split for split, _, _ in values} == {"", "test"}, "its validation items were trained on: they show nothing"


def test_a_network_s_own_loss_is_the_one_that_is_trained(laboratory: Laboratory) -> None:
    key, budget = "fmnist_capsnet_small", {"samples": 200, "validation": 100, "epochs": 1}
    folder = laboratory.train(key, args={"filters": 8, "capsules": 2}, budget=budget)
    assert 0 < float(history(folder)[0]["validation_loss"]) < 1  # a cross-entropy of ten lengths would be about 2.3
    values = {m for _, m, _ in laboratory.evaluate(folder)["values"]}
    assert "accuracy" in values and "nll" not in values, "lengths of capsules are no probabilities"
    refused = read_json(laboratory.train(key, budget=budget, label_smoothing=0.1) / "result.json")
    assert refused["status"] == "failed" and "label_smoothing is 0.1, but its loss is its own" in refused["reason"]


@pytest.mark.slow
@pytest.mark.parametrize("key", ["digits_cnn", "fmnist_lenet5_bayesian", "fmnist_capsnet_small"])
def test_a_compiled_network_learns_the_same_and_is_kept_the_same(laboratory: Laboratory, key: str) -> None:
    args = {"filters": 8, "capsules": 2} if "capsnet" in key else {}
    budget = {"samples": 256, "validation": 100, "epochs": 1}
    plain, fused = (laboratory.train(key, args=args, budget=budget, compile=c) for c in (False, True))
    first, second = (float(history(folder)[0]["train_loss"]) for folder in (plain, fused))
    assert first == pytest.approx(second, rel=1e-3)
    x = np.load(laboratory.data(key.partition("_")[0].replace("fmnist", "fashion_mnist")) / "x_validation.npy")[:20]
    answers = [network.logits(network.load_network(folder), x) for folder in (plain, fused)]
    np.testing.assert_allclose(*answers, atol=0.02, rtol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "changes"),
    [
        ("fmnist_cnn", {"mixup": 0.2, "swa": 0.5, "augment": [{"name": "flip"}]}),
        ("japanese_vowels_gru", {"sampling": "balanced"}),
        ("diabetes_mlp", {"micro_batch": 7}),
        ("digits_svm", {}),
    ],
)
def test_data_too_large_for_memory_gives_the_same_weights(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch, key: str, changes: dict[str, Any]
) -> None:
    small = read_json(laboratory.train(key, **changes) / "result.json")
    monkeypatch.setattr(arrays, "MEMORY_SHARE", 0)
    folder = laboratory.train(key, **changes)
    assert read_json(folder / "result.json") == small and small["status"] == "ok"
    values = [laboratory.evaluate(folder)["values"]]
    monkeypatch.undo()
    assert laboratory.evaluate(folder)["values"] in values
