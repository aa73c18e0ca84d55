"""Whatever is killed at whatever moment: the run that goes on ends as the one that was never killed."""

import random
import re
import shutil
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.cells.cell import CHECKPOINTS, MARKER, read_json
from pipeline.training import randomness
from tests import helpers
from tests.laboratory import Laboratory
from tests.training import processes

pytestmark = pytest.mark.slow
OFTEN = {"checkpoint_seconds": 0.0}  # before every chunk: four an epoch
EPOCHS = {"devices": 2, "checkpoint_seconds": None, "checkpoint_epochs": 1}


@pytest.fixture(scope="module")
def order(laboratory: Laboratory) -> processes.Order:
    """A second or two of training with noise, momentum and a schedule."""
    budget = {"samples": 5000, "validation": 200, "epochs": 3}
    return laboratory.asked("fmnist_mlp", args={"hidden": [32], "dropout": 0.2}, budget=budget)


def whole(order: processes.Order, folder: Path, execution: dict[str, Any]) -> tuple[str, float]:
    """Hash of the weights of a run that nobody disturbs, and its seconds."""
    done = processes.finished(order, folder, execution)
    return done["weights_hash"], done["costs"]["seconds"]


@pytest.fixture(scope="module")
def undisturbed(order: processes.Order, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nobody disturbs. Only to be looked at."""
    folder = tmp_path_factory.mktemp("undisturbed") / "cell"
    processes.finished(order, folder, {})
    return folder


@pytest.fixture(scope="module")
def expected(undisturbed: Path) -> str:
    """The hash of its weights."""
    return str(read_json(undisturbed / "result.json")["weights_hash"])


def battered(
    order: processes.Order, folder: Path, execution: dict[str, Any], kills: int, kept: bool = False
) -> tuple[set[str], list[str]]:
    """Hashes of the weights of an undisturbed run and of so many that were each killed at a random moment and gone on
    with; and where those that found a checkpoint went on. kept: only once there is one."""
    moments = random.Random(0)
    expected, seconds = whole(order, folder / "whole", execution)
    found, went_on, killed = {expected}, [], 0
    while killed < kills:
        cell = folder / f"cell{killed}"
        process = processes.started(order, cell, execution)
        if kept:
            helpers.wait_for((cell / CHECKPOINTS[0]).exists)
        time.sleep(moments.uniform(0.0, 0.3 * seconds if kept else seconds))
        if processes.kill(process):
            assert not (cell / MARKER).exists()
            killed += 1
            found.add(processes.finished(order, cell, execution)["weights_hash"])
            went_on += re.findall("going on after .*", processes.log(cell))
            assert not [name for name in CHECKPOINTS if (cell / name).exists()]
        shutil.rmtree(cell, ignore_errors=True)
        cell.with_suffix(".log").unlink(missing_ok=True)
    return found, went_on


def test_killed_at_30_random_moments_a_run_ends_with_the_same_weights(order: processes.Order, tmp_path: Path) -> None:
    hashes, went_on = battered(order, tmp_path, OFTEN, 30)
    assert len(hashes) == 1
    assert len(set(went_on)) > 1, "from several places"


def test_two_processes_killed_together_end_with_the_same_weights(order: processes.Order, tmp_path: Path) -> None:
    hashes, went_on = battered(order, tmp_path, EPOCHS, 6, kept=True)
    assert len(hashes) == 1
    assert len(went_on) == 6 and set(went_on) <= {f"going on after {epochs} epochs and 0 chunks" for epochs in (1, 2)}


NEWEST, OLDER, DRAFT = *CHECKPOINTS, "checkpoint.part"


@pytest.mark.parametrize(
    ("number", "left"),
    [
        (1, set()),
        (2, {DRAFT}),
        (3, {NEWEST}),
        (4, {NEWEST, DRAFT}),
        (5, {OLDER, DRAFT}),
        (19, {NEWEST, OLDER, DRAFT}),
        (20, {OLDER, DRAFT}),
    ],
)
def test_killed_while_it_writes_a_checkpoint(
    order: processes.Order, expected: str, tmp_path: Path, number: int, left: set[str]
) -> None:
    """Just before a draft is opened, before what is there is set aside, before the draft takes its place."""
    process = processes.started(order, tmp_path / "cell", OFTEN, partial(processes.die_at, number))
    process.join(60)
    assert process.exitcode == -9
    assert {p.name for p in (tmp_path / "cell").glob("checkpoint*")} == left
    assert processes.finished(order, tmp_path / "cell", OFTEN)["weights_hash"] == expected


@pytest.fixture(scope="module")
def killed(order: processes.Order, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a cell that was killed in its second epoch and has two checkpoints. Only to be copied."""
    folder = tmp_path_factory.mktemp("killed") / "cell"
    process = processes.started(order, folder, OFTEN, partial(processes.die_at, 24))
    process.join(60)
    assert process.exitcode == -9 and all((folder / name).exists() for name in CHECKPOINTS)
    return folder


@pytest.fixture
def halfway(killed: Path, tmp_path: Path) -> Path:
    """A copy of the cell that was killed."""
    return shutil.copytree(killed, tmp_path / "cell")


def test_history_and_time_go_on_too(order: processes.Order, undisturbed: Path, halfway: Path) -> None:
    """An interrupted epoch's losses are means over all of it, and its seconds those of both parts."""
    resumed = processes.finished(order, halfway, {})
    assert resumed["validation"] == read_json(undisturbed / "result.json")["validation"]
    tables = [
        [line.split(",")[:-1] for line in (folder / "history.csv").read_text().splitlines()]
        for folder in (halfway, undisturbed)
    ]
    assert tables[0] == tables[1] and tables[0][0][0] == "epoch"
    assert resumed["costs"]["train_seconds"] > resumed["costs"]["seconds"] * 0.5
    assert read_json(halfway / "spec.json").keys() == read_json(undisturbed / "spec.json").keys()


def test_every_random_generator_goes_on(tmp_path: Path) -> None:
    def draws() -> list[float]:
        return [random.random(), float(np.random.rand()), float(torch.rand(()))]

    randomness.seed(3)
    draws()
    torch.save(randomness.state(), tmp_path / "state")
    expected = draws()
    assert draws() != expected
    randomness.restore(torch.load(tmp_path / "state", weights_only=True))
    assert draws() == expected
    randomness.seed(3, rank=1)
    first = draws()
    randomness.seed(3)
    assert not set(first) & set(draws())
