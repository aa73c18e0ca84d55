"""Fills missing cells side by side, in children of one warm interpreter."""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

from pipeline import cells, fingerprint
from pipeline.cells import Cell, CellError

THREAD_VARIABLES = {"OPENBLAS_NUM_THREADS": "1"}  # its pool would start at import, before the forks
# glibc would give freed memory back after each step of training and take it again, page by page, in the next: measured
# (bench/throughput.py with these and without, three times in turn) 6 % of ResNet-20's step and 12 % of the capsules'.
MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**25),  # the largest that it takes
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
    "MALLOC_TOP_PAD_": str(2**26),
}
QUIET = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


class RunError(RuntimeError):
    """Cells that could not be finished, for a reason that may pass; the message lists them."""


def needed(wanted: Iterable[Cell]) -> list[Cell]:
    """The cells and all that they are made from, each once, inputs first."""
    ordered: dict[int, Cell] = {}

    def visit(cell: Cell) -> None:
        if id(cell) not in ordered:
            for parent in cell.inputs.values():
                visit(parent)
            ordered[id(cell)] = cell

    for cell in wanted:
        visit(cell)
    return list(ordered.values())


def gpus() -> list[str]:
    """Numbers of the GPUs that cells may use, without an import of torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        listed = [v.strip() for v in visible.split(",")]
        hidden = next((i for i, v in enumerate(listed) if not v or v.startswith("-")), len(listed))
        return listed[:hidden]  # as CUDA reads it: what follows an invalid entry is hidden too
    found = Path("/proc/driver/nvidia/gpus")
    return [str(i) for i, _ in enumerate(sorted(found.iterdir()))] if found.is_dir() else []


def default_jobs(threads: int, devices: int = 1) -> int:
    """As many cells as the GPUs carry, or the cores. devices: of one network in training, each with `threads`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, len(gpus()) // devices if gpus() else cores // (threads * devices))


class Ended(NamedTuple):
    """A cell that ended after `seconds`. problem: why it has no result, None where it has one."""

    cell: Cell
    problem: str | None
    seconds: float


@dataclass
class Run:
    """One filling of cells. seconds: an estimate for a cell, by which the longest starts first."""

    jobs: int
    seconds: Callable[[Cell], float | None] = lambda _: None
    say: Callable[[str], None] = lambda line: print(line, flush=True)
    server: subprocess.Popen[bytes] | None = None
    running: dict[str, tuple[Cell, float, list[str]]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    done: int = 0

    def fill(self, wanted: Iterable[Cell]) -> list[Cell]:
        """Finish what is missing; returns the cells made. RunError, after all else is finished, for what failed.

        A cell that ends with status `failed` is a result like any other: what depends on it is asked all the same.
        """
        waiting = [c for c in needed(wanted) if not c.complete]
        if not waiting:
            fingerprint.save()
            return []
        total, made = len(waiting), []
        try:
            self._start(waiting)
            while waiting or self.running:
                waiting = self._order_ready(waiting)
                if not self.running:
                    break
                ended = self._wait()
                self.done += 1
                self.say(f"[{self.done}/{total}] {ended.cell.kind} {ended.cell.label}  {_told(ended)}")
                if ended.problem:
                    self.problems[ended.cell.label] = ended.problem
                else:
                    made.append(ended.cell)
        finally:
            self._stop()
            fingerprint.save()
        if self.problems:
            blocked = [c.label for c in waiting]
            lines = [f"{label}: {why}" for label, why in self.problems.items()]
            lines += [f"not started, since what they need is missing: {', '.join(blocked)}"] if blocked else []
            raise RunError("\n".join(lines))
        return made

    def flow(self, more: Callable[[], Cell | None]) -> Generator[Ended, None, None]:
        """A steady flow instead of a list: for a search, where what to try depends on how earlier cells ended.

        `more` is asked whenever a worker is free, after what was yielded last has been dealt with; None: nothing until
        another cell ends. A cell that it gives must have its inputs and must not be running. All cells share one warm
        interpreter, which starts with the first and knows its modules. The flow ends when nothing runs and `more` has
        nothing; closing it stops what runs. RunError where the interpreter died. Nothing is printed.
        """
        try:
            while True:
                while len(self.running) < self.jobs and (cell := more()):
                    if self.server is None:
                        self._start([cell])
                    self._send(cell)
                if not self.running:
                    return
                yield self._wait()
        finally:
            self._stop()
            fingerprint.save()

    def _order_ready(self, waiting: list[Cell]) -> list[Cell]:
        waiting = [c for c in waiting if not c.complete]  # some keys are known only now, and found to be done
        ready = [c for c in waiting if c.ready and c.key not in self.running]
        ready.sort(key=lambda c: -(self.seconds(c) or 0.0))
        for cell in ready:
            if len(self.running) < self.jobs and cell.key not in self.running:
                waiting = [c for c in waiting if c is not cell]
                self._send(cell)
        return waiting

    def _send(self, cell: Cell) -> None:
        devices = self._free_gpus(cell.execution.get("devices", 1))
        environment = {"CUDA_VISIBLE_DEVICES": ",".join(devices)} if devices else {}
        order = {
            "key": cell.key,
            "folder": str(cell.folder),
            "entry": cell.entry,
            "spec": cell.resolved,
            "inputs": {name: str(c.folder) for name, c in cell.inputs.items()},
            "execution": dict(cell.execution),
            "environment": environment,
        }
        self.running[cell.key] = (cell, time.monotonic(), devices)
        assert self.server and self.server.stdin
        try:
            self.server.stdin.write(json.dumps(order).encode() + b"\n")
            self.server.stdin.flush()
        except BrokenPipeError as error:
            raise self._dead() from error

    def _free_gpus(self, count: int) -> list[str]:
        """Those with the fewest cells; fewer than `count` where there are no more, which the cell will say."""
        taken = [device for _, _, devices in self.running.values() for device in devices]
        return sorted(gpus(), key=taken.count)[:count]

    def _show(self) -> None:
        """On a terminal, a line of what runs and how far it is, renewed every second until a cell ends."""
        assert self.server and self.server.stdout
        while sys.stderr.isatty() and not select.select([self.server.stdout], [], [], 1.0)[0]:
            now = time.monotonic()
            states = [f"{c.kind} {c.label} {now - since:.0f} s{_progress(c)}" for c, since, _ in self.running.values()]
            line = " | ".join(states)[: shutil.get_terminal_size().columns - 1]
            print(f"\r\x1b[K{line}\r", end="", file=sys.stderr, flush=True)
        if sys.stderr.isatty():
            print("\x1b[K", end="", file=sys.stderr, flush=True)

    def _wait(self) -> Ended:
        self._show()
        for answer in self._answers():
            cell, started, _ = self.running.pop(answer["key"])
            spent = time.monotonic() - started
            if answer["code"] == 0 and cell.complete:
                return Ended(cell, None, spent)
            return Ended(cell, f"{cell.kind} ended with {_cause(answer['code'])}; {_last_words(cell)}", spent)
        raise self._dead()

    def _dead(self) -> RunError:
        return RunError(f"the warm interpreter ended ({self._exit()}); run the same command again")

    def _answers(self) -> Iterator[dict[str, Any]]:
        assert self.server and self.server.stdout
        for line in self.server.stdout:
            yield json.loads(line)

    def _start(self, waiting: list[Cell]) -> None:
        os.environ["LAB_COMMIT"] = json.dumps(cells.commit())
        files = {f for c in waiting for f in fingerprint.sources([c.entry, *c.modules])}
        modules = sorted(f.removesuffix(".py").replace("/", ".") for f in files)
        self.server = subprocess.Popen(
            [sys.executable, "-m", "pipeline.warm", *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # a line is read when it is there, and no further
            env={**QUIET, **MEMORY, **os.environ, **THREAD_VARIABLES, "LAB_RUNNER": str(os.getpid())},
        )
        if next(self._answers(), {}).get("ready") is not True:
            raise RunError(f"the warm interpreter could not start ({self._exit()}); its message is above")

    def _exit(self) -> str:
        assert self.server
        return _cause(self.server.wait())

    def _stop(self) -> None:
        if self.server:
            self.server.kill()
            self.server.wait()
            for pipe in (self.server.stdin, self.server.stdout):
                _close(pipe)


def _close(pipe: IO[bytes] | None) -> None:
    try:
        if pipe:
            pipe.close()
    except BrokenPipeError:
        pass


def _told(ended: Ended) -> str:
    """The rest of a cell's line: what went wrong, or its time and outcome."""
    if ended.problem:
        return ended.problem
    result, text = ended.cell.result, f"{ended.seconds:.1f} s"
    if result["status"] == "failed":
        text += f"  FAILED: {result['reason']}"
    values = result.get("validation") or {}
    text += "".join(f"  validation {name} {value:.4f}" for name, value in values.items() if name != "loss")
    return text + "".join(f"  {found.upper()}" for found in cells.findings(result))


def _progress(cell: Cell) -> str:
    """`, epoch 2 of 4, validation loss 0.4612` of a network in training."""
    try:
        row = cells.read_json(cell.folder / "progress.json")
    except CellError:
        return ""
    return f", epoch {row['epoch'] + 1} of {row['epochs']}, validation loss {row['validation_loss']:.4f}"


def _cause(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _last_words(cell: Cell) -> str:
    try:
        lines = (cell.folder / "log.txt").read_text(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    # An exception may say more than a line; what follows the last frame of the traceback is its message.
    frames = [i for i, line in enumerate(lines) if line.startswith("  File ")]
    message = [line for line in lines[frames[-1] + 1 :] if line.strip(" ^~")][1:] if frames else lines[-1:]
    return "\n".join(message) + f" (log: {cell.folder / 'log.txt'})"
