"""Cells on the machines of a Ray cluster: `executor: ray` in a profile.

A slot is an actor with the cores and GPUs that a cell of the profile asks for. The code travels with the run, inputs go
to a node once, and finished cells come back and are verified. When a node is lost, what it was working on goes on
elsewhere from the last checkpoint that it sent.
"""

import importlib
import json
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.cells import archives, environment, fingerprint, provenance
from pipeline.cells.cell import CHECKPOINTS, PAUSED, Cell
from pipeline.run.executors import worker
from pipeline.run.executors.contract import CellOutcome, ExecutorError
from pipeline.run.executors.forks import WarmForks, modules

HERE = ("fetch", "prepare")  # kinds whose sources only this machine may have
REACH = 5.0  # seconds to wait for an answer
START = 120.0  # seconds until a worker has to be there
ATTEMPTS = 3  # of a submission whose node is lost
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


@dataclass
class _Submission:
    cells: Sequence[Cell]
    started: float
    actor: Any = None
    attempts: int = 0


class RayCluster:
    """slots: as many as the cluster's cores and GPUs allow, and no more than asked for."""

    def __init__(self, address: str | None, jobs: int | None, cores: int, devices: int, minutes: float) -> None:
        """address: of the head, `host:port`; RAY_ADDRESS where None. jobs: slots at most, None for all. cores: of each
        device of a cell. devices: of a cell. minutes: between two checkpoints that a node sends.

        Connects when it is first asked for anything; ExecutorError where no cluster is reached, or no cell fits.
        """
        self.address, self.jobs, self.seconds = address or os.environ.get("RAY_ADDRESS", ""), jobs, minutes * 60
        self.cores, self.devices = cores, devices
        self.local, self.here = WarmForks(1), 0  # for kinds HERE: submissions
        self.queue: list[_Submission] = []
        self.running: dict[Any, _Submission] = {}  # by what Ray will answer
        self.starting: dict[Any, Any] = {}  # workers, by the same
        self.idle: list[Any] = []  # workers
        self.sent: dict[str, Any] = {}  # archives of inputs in Ray's store, by key
        self.modules: list[str] = []  # that workers import at their start

    @cached_property
    def ray(self) -> Any:
        """The connected module."""
        return _connected(self.address)

    @cached_property
    def asked(self) -> dict[str, int]:
        """What a worker asks the cluster for."""
        gpus = self.devices if self.ray.cluster_resources().get("GPU") else 0
        return {"num_cpus": self.cores * (1 if gpus else self.devices), "num_gpus": gpus}

    @cached_property
    def slots(self) -> int:
        has = self.ray.cluster_resources()
        room = int(has.get("CPU", 0) // self.asked["num_cpus"])
        if gpus := self.asked["num_gpus"]:
            room = min(room, int(has["GPU"] // gpus))
        if not room:
            raise ExecutorError(f"no cell fits into the cluster: it has {has}, a cell asks for {self.asked}")
        return min(self.jobs or room, room)

    def start(self, cells: Iterable[Cell]) -> None:
        cells = list(cells)
        here, there = ([cell for cell in cells if (cell.kind in HERE) is wanted] for wanted in (True, False))
        if here:
            self.local.start(here)
        if there:
            self.modules = modules(there)
            self._hire()
            self._await_worker()

    def _await_worker(self) -> None:
        """ExecutorError where none is there in time."""
        end = time.monotonic() + START
        while not self.idle:
            left = end - time.monotonic()
            ready, _ = self.ray.wait(list(self.starting), num_returns=1, timeout=max(left, 0.0))
            if ready:
                self._ready(ready[0])
            elif left <= 0:
                raise ExecutorError(
                    f"no worker on the cluster after {START:.0f} s: it asks for {self.asked}, free are "
                    f"{self.ray.available_resources()}; wait for other runs, or ask for fewer JOBS"
                )

    def _hire(self) -> None:
        """Another worker, wherever there is room, once there is."""
        actor = self.ray.remote(worker.Worker).options(**self.asked).remote(*self.kit, self.modules)
        self.starting[actor.ready.remote()] = actor

    @cached_property
    def kit(self) -> tuple[str, dict[str, str], dict[str, str]]:
        """What every worker is told, but for modules."""
        lock = paths.ROOT / "requirements.txt"
        files = {".gpu-kit/kit.json": json.dumps({"commit": provenance.commit()})}
        files |= {"requirements.txt": lock.read_text()} if lock.is_file() else {}
        run = fingerprint.of_json([files, fingerprint.of_path(fingerprint.PACKAGE)])
        return run, files, environment.installed()

    @cached_property
    def keeper(self) -> Any:
        """On this machine."""
        node = self.ray.get_runtime_context().get_node_id()
        affinity = importlib.import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        options = {"num_cpus": 0, "scheduling_strategy": affinity(node, soft=False)}
        return self.ray.remote(worker.Keeper).options(**options).remote(str(paths.ROOT))

    def submit(self, cells: Sequence[Cell]) -> None:
        if cells[0].kind not in HERE:
            self.queue.append(_Submission(cells, time.monotonic()))
            self._dispatch()
            return
        if not self.local.server:
            self.local.start(cells)
        self.local.submit(cells)
        self.here += 1

    def _dispatch(self) -> None:
        """Work for those that are idle; others are hired where there are too few."""
        while self.queue and self.idle:
            self._send(self.queue.pop(0), self.idle.pop())
        workers = len(self.running) + len(self.starting)
        for _ in range(min(len(self.queue) - len(self.starting), self.slots - workers)):
            self._hire()

    def _send(self, submission: _Submission, actor: Any) -> None:
        cells = submission.cells
        submission.actor, submission.attempts = actor, submission.attempts + 1
        own = {id(cell) for cell in cells}
        inputs = {p.key: self._archive(p) for cell in cells for p in cell.inputs.values() if id(p) not in own}
        kept = (*CHECKPOINTS, PAUSED)
        begun = {c.key: worker.pack(c.folder, kept) for c in cells if any((c.folder / n).is_file() for n in kept)}
        self.running[actor.run.remote(list(cells), inputs, begun, self.keeper, self.seconds)] = submission

    def _archive(self, cell: Cell) -> Any:
        if cell.key not in self.sent:
            self.sent[cell.key] = self.ray.put(archives.pack([cell.folder], compressed=False))
        return self.sent[cell.key]

    def wait(self, seconds: float | None = None) -> list[CellOutcome]:
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            left = None if end is None else max(0.0, end - time.monotonic())
            remote = [*self.running, *self.starting]
            if self.here and (outcomes := self.local.wait(0.0 if remote else left)):
                self.here -= 1
                return outcomes
            if self.queue and not self.running:
                self._await_worker()
            elif remote:
                ended, _ = self.ray.wait(remote, num_returns=1, timeout=0.1 if self.here else left)
                for answer in ended:
                    if answer in self.starting:
                        self._ready(answer)
                    elif outcomes := self._ended(answer):
                        return outcomes
            self._dispatch()
            if end is not None and time.monotonic() >= end:
                return []

    def _ready(self, answer: Any) -> None:
        """A worker has started, or was lost before it had."""
        actor = self.starting.pop(answer)
        try:
            self.ray.get(answer)
            self.idle.append(actor)
        except self.ray.exceptions.RayError as error:
            if getattr(error, "actor_init_failed", True):
                raise ExecutorError(f"a worker could not start: {_last_line(error)}") from error
            self._hire()

    def _ended(self, answer: Any) -> list[CellOutcome]:
        """Empty where the node was lost: then the cells are queued again."""
        submission = self.running.pop(answer)
        try:
            made = self.ray.get(answer)
        except self.ray.exceptions.RayTaskError as error:
            raise ExecutorError(f"a worker failed: {_last_line(error)}") from error
        except self.ray.exceptions.RayError:
            label = submission.cells[0].label
            if submission.attempts < ATTEMPTS:
                print(f"the node of {label} was lost; it goes on elsewhere", flush=True)
                self.queue.insert(0, submission)
                return []
            problem = f"lost with its node {ATTEMPTS} times; run the same command again"
            return [CellOutcome(submission.cells[0], problem, time.monotonic() - submission.started)]
        self.idle.append(submission.actor)
        if made.finished:
            worker.accept(made.finished)
        for key, files in made.private.items():
            worker.unpack(files, key)
        return [self._outcome(submission.cells[place], *told) for place, *told in made.outcomes]

    def _outcome(self, cell: Cell, problem: str | None, seconds: float) -> CellOutcome:
        """The log that a problem names lies here now."""
        before, name, after = (problem or "").rpartition("(log: ")
        return CellOutcome(cell, f"{before}{name}{cell.folder / 'log.txt'})" if after else problem, seconds)

    def stop(self) -> None:
        self.local.stop()
        for actor in [*self.idle, *self.starting.values(), *(s.actor for s in self.running.values())]:
            self.ray.kill(actor)
        self.idle, self.starting, self.running, self.queue, self.here = [], {}, {}, [], 0


def _connected(address: str) -> Any:
    """The module ray, connected with the cluster of that address; ExecutorError says what to do where it can't be."""
    os.environ.update({name: value for name, value in ENVIRONMENT.items() if name not in os.environ})
    try:
        ray = importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise ExecutorError("executor ray needs the package ray: `make ray` installs it") from error
    if ray.is_initialized():
        return ray
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ExecutorError(
            f"executor ray: {address or 'no address'!r} is not `host:port` of a head node; give the profile's "
            "`ray_address` or RAY_ADDRESS. A cluster begins with `ray start --head --port 6379`"
        )
    try:
        socket.create_connection((host, int(port)), timeout=REACH).close()
    except OSError as error:
        raise ExecutorError(
            f"no cluster at {address} within {REACH:.0f} s ({error}); is `ray start` running?"
        ) from error
    before = signal.getsignal(signal.SIGTERM)
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder) / "pipeline"
        shutil.copytree(fingerprint.PACKAGE, code, ignore=shutil.ignore_patterns("__pycache__"))
        try:
            ray.init(address, runtime_env={"py_modules": [str(code)]}, logging_level="ERROR", log_to_driver=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ExecutorError(f"the cluster at {address} can't be used from here: {_last_line(error)}") from error
    signal.signal(signal.SIGTERM, before)
    return ray


def _last_line(error: Exception) -> str:
    return next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__).strip()
