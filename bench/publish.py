"""The registry: seconds a run and a registered version into a fresh store, and nothing where nothing changed."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import scratch
from bench.figures import Figure, alone
from pipeline.config import loading
from pipeline.tracking import models
from pipeline.tracking.publish import publish
from pipeline.tracking.records import Roots
from pipeline.tracking.store import Store


def measure() -> Iterator[Figure]:
    """CPU seconds of each run and version, imports aside, of every row that ships, with budgets cut."""
    times: dict[str, list[float]] = {"run": [], "version": []}
    put_run, put_version = Store.put_run, models.put_version
    with tempfile.TemporaryDirectory() as folder:
        project = scratch.copy(Path(folder), lambda p: scratch.only(p["experiments"], (0,), 1, 500)(p))
        scratch.cli(project, "repro")
        known, roots = loading.load(project / "params.yaml"), Roots(project)
        shutil.rmtree(roots.store)
        roots.ledger.unlink()
        try:
            Store.put_run = _clocked(put_run, times["run"])  # type: ignore[method-assign]
            models.put_version = _clocked(put_version, times["version"])
            publish(known, roots)
        finally:
            Store.put_run, models.put_version = put_run, put_version  # type: ignore[method-assign]
        again = publish(known, roots)
    yield alone("publish, CPU a run", times["run"], "s", 1.0)
    yield alone("publish, CPU a registered version", times["version"], "s", 2.0)
    yield alone("publish with nothing new, changes", [float(again["changed"])], "", 0.0)


def _clocked(call: Callable[..., Any], times: list[float]) -> Callable[..., Any]:
    def timed(*arguments: Any) -> Any:
        started = time.process_time()
        try:
            return call(*arguments)
        finally:
            times.append(time.process_time() - started)

    return timed
