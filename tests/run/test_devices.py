"""GPUs and cores that cells are given."""

import os
from pathlib import Path

import pytest

from pipeline.cells.cell import Cell
from pipeline.introspection import Strict
from pipeline.run import devices
from pipeline.run.executors import forks


@pytest.mark.parametrize(("visible", "found"), [("", []), ("0", ["0"]), ("2,5", ["2", "5"])])
def test_gpus_are_those_that_are_visible(monkeypatch: pytest.MonkeyPatch, visible: str, found: list[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert devices.gpus() == found


def test_a_cell_gets_the_gpu_with_the_fewest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    run, cell = forks.WarmForks(4), Cell("train", "pipeline.act", Strict(), Path(), "x")
    chosen = []
    for i in range(4):
        chosen.append(run._free_gpus(1))
        run.running[str(i)] = forks._Submission([cell], 0.0, chosen[-1])
    assert chosen == [["4"], ["6"], ["4"], ["6"]]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert run._free_gpus(1) == []


def test_a_cell_of_several_devices_gets_as_many_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3,4")
    run, cell = forks.WarmForks(4), Cell("train", "pipeline.act", Strict(), Path(), "x")
    for name, count, expected in (("a", 1, ["0"]), ("b", 2, ["1", "2"]), ("c", 2, ["3", "4"])):
        run.running[name] = forks._Submission([cell], 0.0, run._free_gpus(count))
        assert run.running[name].devices == expected
    del run.running["b"]
    assert run._free_gpus(2) == ["1", "2"] and len(run._free_gpus(9)) == 5


def test_jobs_are_what_the_cores_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    assert [devices.default_jobs(threads) for threads in (1, 2, 4, 8)] == [6, 3, 1, 1]
    assert [devices.default_jobs(1, count) for count in (2, 4, 8)] == [3, 1, 1]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert [devices.default_jobs(1, count) for count in (1, 2, 3)] == [2, 1, 1]
