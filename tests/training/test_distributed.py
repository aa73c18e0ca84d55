"""Several processes that train one network, against one that trains it alone; all real, over gloo on loopback."""

import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.cells.cell import CHECKPOINTS, MARKER
from pipeline.data import dataset
from pipeline.training import network
from pipeline.training.distributed import Ranks
from pipeline.training.system import System
from tests import helpers
from tests.laboratory import Laboratory
from tests.training import processes

pytestmark = pytest.mark.slow
FLOAT = 1e-5  # what float32 sums may differ by where their order does


def losses_of(order: processes.Order, folder: Path, execution: dict[str, Any]) -> np.ndarray:
    """Training loss of each update."""
    processes.finished(order, folder, execution, partial(record_losses, folder.with_suffix(".losses")))
    return np.loadtxt(folder.with_suffix(".losses"))


def record_losses(path: Path) -> None:
    """Let the first process write down what it counts."""
    count = System._count

    def counted(self: System, chunk: int, losses: torch.Tensor, *others: Any) -> None:
        shared = losses.clone()
        self.ranks.add(shared)
        count(self, chunk, losses, *others)
        if self.ranks.rank == 0:
            with path.open("a") as file:
                file.writelines(f"{value:.9g}\n" for value in shared.tolist())

    System._count = counted  # type: ignore[method-assign]


PLAIN = {"optimizer": "sgd", "lr": 0.01, "schedule": "constant", "momentum": 0.9}


@pytest.mark.parametrize("key", ["fmnist_mlp", "fmnist_lenet5"])
@pytest.mark.parametrize(
    "changes",
    [
        PLAIN,
        {},
        {**PLAIN, "sampling": "weighted"},
        {**PLAIN, "gradient_clip": 0.1},
        {**PLAIN, "micro_batch": 7},
        {**PLAIN, "sampling": "weighted", "micro_batch": 7},
    ],
    ids=["sgd", "default", "weighted", "clipped", "micro_batch", "weighted micro_batch"],
)
def test_two_processes_have_the_losses_of_one(
    laboratory: Laboratory, tmp_path: Path, key: str, changes: dict[str, Any]
) -> None:
    """20 updates of 50 items, and one of 13: shares of 25, 25 and 7, 6."""
    budget = {"samples": 1013, "validation": 301, "epochs": 1}
    order = laboratory.asked(key, batch_size=50, budget=budget, **changes)
    alone = laboratory.asked(key, batch_size=50, budget=budget, **{**changes, "micro_batch": None})
    one, two = (losses_of(o, tmp_path / f"cell{n}", {"devices": n}) for n, o in ((1, alone), (2, order)))
    assert len(one) == 21
    np.testing.assert_allclose(two, one, atol=FLOAT, rtol=FLOAT)


def test_a_share_may_be_empty(laboratory: Laboratory, tmp_path: Path) -> None:
    """The last batch has one item."""
    order = laboratory.asked(
        "digits_mlp", batch_size=50, budget={"samples": 201, "validation": 100, "epochs": 1}, **PLAIN
    )
    one, two = (losses_of(order, tmp_path / f"cell{n}", {"devices": n}) for n in (1, 2))
    np.testing.assert_allclose(two, one, atol=FLOAT, rtol=FLOAT)


def test_shares_are_all_of_a_batch_once() -> None:
    batch = torch.arange(13)
    for size in (1, 2, 3, 5, 20):
        shares = [batch.tensor_split(size)[rank] for rank in range(size)]
        assert torch.cat(shares).equal(batch)


@pytest.mark.parametrize(("items", "validation"), [(1001, 1501), (64, 2001)])
def test_metrics_of_two_processes_are_those_of_one_to_the_bit(
    laboratory: Laboratory, tmp_path: Path, items: int, validation: int
) -> None:
    """Of weights that do not move; the split's size is odd, and its last block a small one."""
    budget = {"samples": items, "validation": validation, "epochs": 1}
    order = laboratory.asked("fmnist_lenet5", budget=budget, **{**PLAIN, "lr": 1e-30})
    one, two = (processes.finished(order, tmp_path / f"cell{n}", {"devices": n}) for n in (1, 2))
    assert one["validation"] == two["validation"] and one["weights_hash"] == two["weights_hash"]
    rows = [(tmp_path / f"cell{n}" / "history.csv").read_text().splitlines() for n in (1, 2)]
    accuracies = [dict(zip(*(line.split(",") for line in r), strict=True))["train_accuracy"] for r in rows]
    assert accuracies[0] == accuracies[1]


@pytest.mark.parametrize("changes", [{}, {"ema": 0.9}, {"swa": 0.5}], ids=["plain", "ema", "swa"])
def test_batch_statistics_are_averaged_and_equal(
    laboratory: Laboratory, tmp_path: Path, changes: dict[str, Any]
) -> None:
    """Of the validation items each process judged a block; the weights that the first one kept say the same of all."""
    budget = {"samples": 600, "validation": 1500, "epochs": 2}
    args = {"hidden": [32, 32], "batch_norm": True, "dropout": 0.5}
    order = laboratory.asked("fmnist_mlp", args=args, budget=budget, **changes)
    found = processes.finished(order, tmp_path / "cell", {"devices": 2})
    data = dataset.load(order[2]["data"], order[1].budget, 0, ("validation",))
    scores = network.logits(network.load_network(tmp_path / "cell"), data.x["validation"])
    assert found["validation"]["accuracy"] == float((scores.argmax(1) == data.y["validation"]).mean())


# one of them dies


@pytest.mark.parametrize("victim", [0, 1])
def test_one_killed_ends_all(laboratory: Laboratory, tmp_path: Path, victim: int) -> None:
    process, ranks = at_work(laboratory, tmp_path / "cell", {})
    os.kill(ranks[victim], signal.SIGKILL)
    process.join(30)
    assert process.exitcode == 1 and not [pid for pid in ranks if processes.alive(pid)]
    assert f"process {victim} of 2 ended with signal 9" in processes.log(tmp_path / "cell")
    assert not (tmp_path / "cell" / MARKER).exists()


def test_one_that_hangs_ends_all_after_the_time_out(laboratory: Laboratory, tmp_path: Path) -> None:
    process, ranks = at_work(laboratory, tmp_path / "cell", {"timeout": 5.0})
    os.kill(ranks[1], signal.SIGSTOP)
    since = time.monotonic()
    process.join(60)
    assert process.exitcode == 1 and 3.0 < time.monotonic() - since < 50
    assert not [pid for pid in ranks if processes.alive(pid)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_they_end_with_their_parent(laboratory: Laboratory, tmp_path: Path, number: int) -> None:
    process, ranks = at_work(laboratory, tmp_path / "cell", {})
    os.kill(process.pid or 0, number)
    process.join(20)
    assert process.exitcode == -number
    assert helpers.wait_for(lambda: not any(map(processes.alive, ranks)), 5)


def at_work(laboratory: Laboratory, folder: Path, execution: dict[str, Any]) -> tuple[Any, list[int]]:
    """A long training by two processes, in the midst of it; and their numbers."""
    budget = {"samples": None, "validation": None, "epochs": 100_000}
    process = processes.started(laboratory.asked("digits_mlp", budget=budget), folder, {"devices": 2, **execution})
    assert helpers.wait_for((folder / "progress.json").exists, 60), processes.log(folder)
    return process, processes.children(process.pid or 0)


def test_one_that_can_t_go_on_ends_all(laboratory: Laboratory, tmp_path: Path) -> None:
    """A last batch of three is two and one, and one item has no spread to normalise by; the other would wait for it."""
    budget = {"samples": 67, "validation": 50, "epochs": 1}
    order = laboratory.asked("digits_mlp", args={"batch_norm": True}, batch_size=64, budget=budget)
    process = processes.started(order, tmp_path / "cell", {"devices": 2})
    process.join(60)
    assert process.exitcode == 1
    said = processes.log(tmp_path / "cell").partition("Broken: ")[2]
    assert ", so all did; RuntimeError: process 1 of 2: Expected more than 1 value" in said
    assert not (tmp_path / "cell" / MARKER).exists()


def test_a_run_of_two_goes_on_alone(laboratory: Laboratory, tmp_path: Path) -> None:
    budget = {"samples": 2000, "validation": 100, "epochs": 20}
    order = laboratory.asked("fmnist_mlp", args={"hidden": [32]}, lr=1e-4, budget=budget)
    one = processes.finished(order, tmp_path / "one", {})
    process = processes.started(order, tmp_path / "cell", {"devices": 2, "checkpoint_seconds": 0.0})
    assert helpers.wait_for((tmp_path / "cell" / CHECKPOINTS[1]).exists, 60)
    assert processes.kill(process)
    found = processes.finished(order, tmp_path / "cell", {})
    assert "going on with 1 processes instead of 2" in processes.log(tmp_path / "cell")
    assert found["validation"]["loss"] == pytest.approx(one["validation"]["loss"], abs=1e-4)


# what can't be


def test_more_devices_than_there_are(laboratory: Laboratory, tmp_path: Path) -> None:
    process = processes.started(laboratory.asked("digits_mlp"), tmp_path / "cell", {"devices": 4096})
    process.join(60)
    assert process.exitcode == 1
    cores = len(os.sched_getaffinity(0))
    kind = f"{torch.cuda.device_count()} GPUs" if torch.cuda.is_available() else f"{cores} cores"
    assert f"devices is 4096, but there are {kind} here" in processes.log(tmp_path / "cell")


def test_what_no_process_can_begin_is_one_result(laboratory: Laboratory, tmp_path: Path) -> None:
    """There is no matrix for muon to take."""
    order = laboratory.asked("digits_mlp", args={"hidden": []}, optimizer="muon", momentum=0.95)
    one, two = (processes.finished(order, tmp_path / f"cell{n}", {"devices": n}) for n in (1, 2))
    assert one["status"] == two["status"] == "failed" and "use adamw" in two["reason"] == one["reason"]


def test_what_fails_in_all_is_one_result(laboratory: Laboratory, tmp_path: Path) -> None:
    order = laboratory.asked("digits_mlp", optimizer="sgd", lr=1e30, schedule="constant", batch_size=50)
    one, two = (processes.finished(order, tmp_path / f"cell{n}", {"devices": n}) for n in (1, 2))
    assert two["status"] == "failed" and two["reason"].startswith("loss is ")
    assert two["reason"].split(" at ")[1] == one["reason"].split(" at ")[1]


def test_alone_nothing_is_sent() -> None:
    ranks, tensor = Ranks.here(), torch.ones(2)
    ranks.add(tensor)
    ranks.as_first(tensor)
    assert ranks == Ranks(0, 1) and tensor.tolist() == [1.0, 1.0]
    assert ranks.any(True) and not ranks.any(False) and ranks.gather(3) == [3] and ranks.first(lambda: 4) == 4
