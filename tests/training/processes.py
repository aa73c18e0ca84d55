"""Cells in processes that can be killed, forked from an interpreter that has all imported and nothing computed."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import torch

import pipeline.models.lenet5
import pipeline.models.mlp
import pipeline.tasks.classification
import pipeline.training.train  # noqa: F401
from pipeline.cells import store
from pipeline.cells.cell import read_json
from tests.laboratory import Order

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["pytest", __name__])


def started(
    order: Order, folder: Path, execution: dict[str, Any], before: Callable[[], object] | None = None
) -> ForkServerProcess:
    """A cell at work in a session of its own, after `before()`; its log is beside its folder."""
    process = _forks.Process(target=_work, args=(order, folder, execution, before))
    process.start()
    return process


def finished(
    order: Order, folder: Path, execution: dict[str, Any], before: Callable[[], object] | None = None
) -> dict[str, Any]:
    """Its result and its costs, once it has ended well."""
    process = started(order, folder, execution, before)
    process.join(120)
    assert process.exitcode == 0, log(folder)
    return {**read_json(folder / "result.json"), "costs": read_json(folder / "costs.json")}


def kill(process: ForkServerProcess) -> bool:
    """End the process and all of its group with -9; whether it was still at work."""
    try:
        os.killpg(process.pid or 0, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()  # before it had a session, or after its end
    process.join(20)
    return process.exitcode == -signal.SIGKILL


def log(folder: Path) -> str:
    return folder.with_suffix(".log").read_text()


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _work(order: Order, folder: Path, execution: dict[str, Any], before: Callable[[], object] | None) -> None:
    os.setsid()
    handle = os.open(folder.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    if before:
        before()
    entry, spec, inputs = order
    resolved = {"kind": "train", "entry": entry, **spec.model_dump(mode="json")}
    store.execute("0" * 32, folder, entry, resolved, {name: str(path) for name, path in inputs.items()}, execution)


def die_at(number: int) -> None:
    """Let this process be killed just before the `number`-th time that it writes or renames a checkpoint's file."""
    left = number

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        writes = event == "os.rename" or event == "open" and arguments[1] == "w"
        if writes and "checkpoint." in str(arguments[0]):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def confine(size: int) -> None:
    """Let this process have so many bytes of its GPU."""
    torch.cuda.set_per_process_memory_fraction(size / torch.cuda.get_device_properties(0).total_memory)


def without_gpu() -> None:
    """Hide all GPUs from this process, which has not asked for one yet."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
