"""A run that pauses at epochs and goes on later ends as the one that never paused."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.cells.cell import CHECKPOINTS, MARKER, PAUSED, read_json
from tests.laboratory import Laboratory
from tests.training import processes

pytestmark = pytest.mark.slow
ROW: dict[str, Any] = {"budget": {"samples": 1000, "validation": 100, "epochs": 5}, "args": {"dropout": 0.2}}


@pytest.fixture(scope="module")
def order(laboratory: Laboratory) -> processes.Order:
    return laboratory.asked("digits_mlp", **ROW)


def paused(order: processes.Order, folder: Path, execution: dict[str, Any]) -> list[dict[str, float]]:
    """The epochs of a run that pauses, once it has."""
    process = processes.started(order, folder, execution)
    process.join(60)
    assert process.exitcode == 0, processes.log(folder)
    assert not (folder / MARKER).exists() and (folder / CHECKPOINTS[0]).exists()
    return list(read_json(folder / PAUSED)["history"])


@pytest.mark.parametrize("devices", [1, 2])
def test_it_ends_as_if_it_had_never_paused(order: processes.Order, tmp_path: Path, devices: int) -> None:
    never = processes.finished(order, tmp_path / "never", {"devices": devices})
    cell = tmp_path / "cell"
    rungs = [paused(order, cell, {"devices": devices, "pause": epochs}) for epochs in (1, 1, 3)]
    assert [len(rung) for rung in rungs] == [1, 1, 3]
    assert rungs[0] == rungs[1] == rungs[2][:1], "asked for what it has, it trains nothing"
    done = processes.finished(order, cell, {"devices": devices})
    assert done["weights_hash"] == never["weights_hash"] and done["validation"] == never["validation"]
    assert not any((cell / name).exists() for name in (PAUSED, *CHECKPOINTS))


def test_a_pause_at_or_after_the_last_epoch_is_none(order: processes.Order, tmp_path: Path) -> None:
    for epochs in (5, 9):
        assert processes.finished(order, tmp_path / f"cell{epochs}", {"pause": epochs})["status"] == "ok"
