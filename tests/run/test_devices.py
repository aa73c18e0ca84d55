"""GPUs and cores that cells are given."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cells.cell import Cell
from pipeline.introspection import Strict
from pipeline.run import devices
from pipeline.run.executors import forks


@pytest.fixture
def present(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Has the driver list so many GPUs, each a folder, and no library count others."""
    monkeypatch.setattr(devices, "DRIVER", tmp_path / "gpus")
    monkeypatch.setattr(devices, "LIBRARY", "none.so")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def make(count: int) -> None:
        for number in range(count):
            (tmp_path / "gpus" / f"0000:0{number}:00.0").mkdir(parents=True)

    return make


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        ("", []),
        ("0", ["0"]),
        ("2, 5", ["2", "5"]),
        ("2,9,1", ["2"]),
        ("-1,0", []),
        ("GPU-5a,MIG-1", ["GPU-5a", "MIG-1"]),
        ("all", []),
    ],
)
def test_gpus_are_those_that_are_there_and_visible(
    monkeypatch: pytest.MonkeyPatch, present: Callable[[int], None], visible: str, found: list[str]
) -> None:
    present(6)
    assert devices.gpus() == ["0", "1", "2", "3", "4", "5"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert devices.gpus() == found


@pytest.mark.parametrize("visible", [None, "0", "0,1", "GPU-5a"])
def test_without_a_gpu_none_is_counted_whatever_is_visible(
    monkeypatch: pytest.MonkeyPatch, present: Callable[[int], None], visible: str | None
) -> None:
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert devices.gpus() == [] and devices.default_jobs(1) == len(os.sched_getaffinity(0))


def test_a_library_that_is_not_nvidia_s_counts_no_gpu() -> None:
    assert devices._managed("libc.so.6") == 0


def test_a_cell_gets_the_gpu_with_the_fewest(monkeypatch: pytest.MonkeyPatch, present: Callable[[int], None]) -> None:
    present(8)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    run, cell = forks.WarmForks(4), Cell("train", "pipeline.act", Strict(), Path(), "x")
    chosen = []
    for i in range(4):
        chosen.append(run._free_gpus(1))
        run.running[str(i)] = forks._Submission([cell], 0.0, chosen[-1])
    assert chosen == [["4"], ["6"], ["4"], ["6"]]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert run._free_gpus(1) == []


def test_a_cell_of_several_devices_gets_as_many_gpus(
    monkeypatch: pytest.MonkeyPatch, present: Callable[[int], None]
) -> None:
    present(8)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3,4")
    run, cell = forks.WarmForks(4), Cell("train", "pipeline.act", Strict(), Path(), "x")
    for name, count, expected in (("a", 1, ["0"]), ("b", 2, ["1", "2"]), ("c", 2, ["3", "4"])):
        run.running[name] = forks._Submission([cell], 0.0, run._free_gpus(count))
        assert run.running[name].devices == expected
    del run.running["b"]
    assert run._free_gpus(2) == ["1", "2"] and len(run._free_gpus(9)) == 5


def test_jobs_are_what_the_cores_carry(monkeypatch: pytest.MonkeyPatch, present: Callable[[int], None]) -> None:
    present(2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    assert [devices.default_jobs(threads) for threads in (1, 2, 4, 8)] == [6, 3, 1, 1]
    assert [devices.default_jobs(1, count) for count in (2, 4, 8)] == [3, 1, 1]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert [devices.default_jobs(1, count) for count in (1, 2, 3)] == [2, 1, 1]
