"""On a GPU: every precision trains, resumes and clips, several GPUs agree with one, and a cell says what it ran on."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.cells import read_json
from tests.laboratory import Laboratory
from tests.training import processes

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")]
PRECISIONS = ["32-true", "bf16-mixed", "16-mixed"]
BUDGET = {"samples": None, "validation": None, "epochs": 6}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("changes", [{}, {"tf32": True}, {"gradient_clip": 1.0}], ids=["plain", "tf32", "clipped"])
def test_a_network_trains_on_a_gpu(laboratory: Laboratory, precision: str, changes: dict[str, Any]) -> None:
    folder = laboratory.train("digits_cnn", precision=precision, budget=BUDGET, **changes)
    assert read_json(folder / "result.json")["validation"]["accuracy"] > 0.85
    assert torch.cuda.get_device_name() in read_json(folder / "costs.json")["hardware"]
    assert (torch.get_float32_matmul_precision() == "high") == ("tf32" in changes)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_killed_run_resumes_to_the_same_weights_on_a_gpu(
    laboratory: Laboratory, tmp_path: Path, precision: str
) -> None:
    """Scale of the gradients and noise of the GPU included."""
    budget = {"samples": 5000, "validation": 200, "epochs": 3}
    order = laboratory.asked("fmnist_mlp", args={"dropout": 0.2}, precision=precision, budget=budget)
    whole = processes.finished(order, tmp_path / "whole", {})
    process = processes.started(order, tmp_path / "cell", {"checkpoint_seconds": 0.0}, partial(processes.die_at, 19))
    process.join(120)
    assert process.exitcode == -9
    assert processes.finished(order, tmp_path / "cell", {})["weights_hash"] == whole["weights_hash"]


def test_too_little_memory_halves_the_micro_batch(laboratory: Laboratory, tmp_path: Path) -> None:
    """A batch of all items, with as little memory left to this process as a few of them need."""
    order = laboratory.asked(
        "fmnist_lenet5", batch_size=60_000, budget={"samples": None, "validation": 2000, "epochs": 1}
    )
    found = processes.finished(order, tmp_path / "cell", {}, partial(processes.confine, 2**30))
    assert found["costs"]["micro_batch"] < 60_000
    assert "out of memory with 60000 items at once" in processes.log(tmp_path / "cell")


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one GPU here")
def test_two_gpus_have_the_losses_of_one(laboratory: Laboratory, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"optimizer": "sgd", "lr": 0.01, "schedule": "constant"}
    order = laboratory.asked("fmnist_lenet5", budget={"samples": 1013, "validation": 1501, "epochs": 1}, **changes)
    one, two = (processes.finished(order, tmp_path / f"cell{n}", {"devices": n}) for n in (1, 2))
    assert two["validation"]["loss"] == pytest.approx(one["validation"]["loss"], abs=1e-4)
    assert two["costs"]["hardware"].startswith("2 x ")
