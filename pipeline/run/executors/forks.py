"""Cells side by side on this machine, each in a child of one warm interpreter: the default executor."""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import lifetime
from pipeline.cells import fingerprint, provenance
from pipeline.cells.cell import Cell
from pipeline.errors import NO_SPACE
from pipeline.run.devices import gpus
from pipeline.run.executors.contract import CellOutcome, ExecutorError

THREAD_VARIABLES = {"OPENBLAS_NUM_THREADS": "1"}  # its pool would start at import, before the forks
# glibc would give freed memory back after each step of training and take it again, page by page, in the next: measured
# (bench/throughput.py with these and without, three times in turn) 6 % of ResNet-20's step and 12 % of the capsules'.
MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**25),  # the largest that it takes
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
    "MALLOC_TOP_PAD_": str(2**26),
}
QUIET = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
ENOUGH = 2**20  # bytes of a disk; with less, what failed has probably failed for that


def modules(cells: Iterable[Cell]) -> list[str]:
    """All that the cells import of the project."""
    files = {file for cell in cells for file in fingerprint.sources([cell.entry, *cell.modules])}
    return sorted(file.removesuffix(".py").replace("/", ".") for file in files)


def order(cell: Cell) -> dict[str, Any]:
    """What a process that does a cell's work has to know, in JSON values."""
    return {
        "key": cell.key,
        "folder": str(cell.folder),
        "entry": cell.entry,
        "modules": cell.modules,
        "spec": cell.resolved,
        "inputs": {name: str(c.folder) for name, c in cell.inputs.items()},
        "execution": cell.execution.model_dump() if cell.execution else None,
    }


@dataclass
class _Submission:
    cells: Sequence[Cell]
    started: float
    devices: list[str]


class WarmForks:
    """Importing torch, Lightning and scikit-learn takes seconds, a fork of a process that has them milliseconds.

    slots: children at once.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.server: subprocess.Popen[bytes] | None = None
        self.running: dict[str, _Submission] = {}
        self.unread = b""

    def start(self, cells: Iterable[Cell]) -> None:
        self.launch(modules(cells))

    def launch(self, modules: Sequence[str]) -> None:
        """Start the interpreter with these modules; what else a cell imports costs it a while."""
        os.environ["LAB_COMMIT"] = json.dumps(provenance.commit())
        self.server = subprocess.Popen(
            [sys.executable, "-m", "pipeline.run.executors.warm", *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # a line is read when it is there, and no further
            env={**QUIET, **MEMORY, **os.environ, **THREAD_VARIABLES, "LAB_RUNNER": str(os.getpid())},
        )
        try:
            self._answer(None)
        except ExecutorError:
            raise ExecutorError(
                f"the warm interpreter could not start: {self._exit()}; what it said, if anything, is above"
            ) from None

    def submit(self, cells: Sequence[Cell]) -> None:
        devices = self._free_gpus(max(c.execution.devices if c.execution else 1 for c in cells))
        environment = {"CUDA_VISIBLE_DEVICES": ",".join(devices)} if devices else {}
        name = cells[0].key
        self.running[name] = _Submission(cells, time.monotonic(), devices)
        asked = {"name": name, "environment": environment, "orders": [order(cell) for cell in cells]}
        assert self.server and self.server.stdin
        try:
            self.server.stdin.write(json.dumps(asked).encode() + b"\n")
            self.server.stdin.flush()
        except BrokenPipeError as error:
            raise self._dead() from error

    def _free_gpus(self, count: int) -> list[str]:
        """Those with the fewest cells; fewer than `count` where there are no more, which the cell will say."""
        taken = [device for submission in self.running.values() for device in submission.devices]
        return sorted(gpus(), key=taken.count)[:count]

    def wait(self, seconds: float | None = None) -> list[CellOutcome]:
        answer = self._answer(seconds)
        if answer is None:
            return []
        submission = self.running.pop(answer["name"])
        spent = time.monotonic() - submission.started
        return [_outcome(cell, answer, spent) for cell in submission.cells if cell.ready]

    def _answer(self, seconds: float | None) -> dict[str, Any] | None:
        """The next line of the warm interpreter, None where none came in time; ExecutorError where it ended."""
        assert self.server and self.server.stdout
        end = None if seconds is None else time.monotonic() + seconds
        while b"\n" not in self.unread:
            left = None if end is None else max(0.0, end - time.monotonic())
            if not select.select([self.server.stdout], [], [], left)[0]:
                return None
            received = self.server.stdout.read(65536)
            if not received:
                raise self._dead()
            self.unread += received
        line, _, self.unread = self.unread.partition(b"\n")
        return dict(json.loads(line))

    def _dead(self) -> ExecutorError:
        return ExecutorError(f"the warm interpreter ended: {self._exit()}; run the same command again")

    def _exit(self) -> str:
        assert self.server
        return lifetime.cause(self.server.wait())

    def stop(self) -> None:
        if self.server:
            self.server.kill()
            self.server.wait()
            for pipe in (self.server.stdin, self.server.stdout):
                with suppress(BrokenPipeError):
                    pipe and pipe.close()
        self.server, self.running = None, {}


def _outcome(cell: Cell, answer: dict[str, Any], seconds: float) -> CellOutcome:
    if cell.complete:
        return CellOutcome(cell, None, min(seconds, cell.costs["seconds"]))
    if not answer["code"] and cell.execution and cell.execution.pause:
        return CellOutcome(cell, None, seconds)
    log = cell.folder / "log.txt"
    why = answer["problems"].get(cell.key) or _last_line(log)
    parts = [f"{cell.kind} ended with {lifetime.cause(answer['code'])}", why, _without_space(log, why)]
    return CellOutcome(cell, f"{'; '.join(filter(None, parts))} (log: {log})", seconds)


def _last_line(log: Path) -> str:
    """What a cell printed last that could not say why it ended."""
    with suppress(OSError, IndexError):
        return log.read_text(errors="replace").strip().splitlines()[-1]
    return ""


def _without_space(log: Path, why: str) -> str:
    """What to do where it may be for lack of space, however that was said; empty where it was not."""
    free = shutil.disk_usage(log.parents[1]).free
    if free >= ENOUGH and NO_SPACE not in why:
        return ""
    written = [path for path in log.parent.glob("*") if path != log]
    newest = max(written, key=lambda path: path.stat().st_mtime_ns, default=log)
    said = "" if NO_SPACE in why else f"{NO_SPACE}: "
    return f"{said}the disk of {newest} has {free / 2**20:.1f} MB left; make room and run the same command again"
