"""What orchestration costs: 375 trivial cells, beyond their own work and with DVC, registry and report included."""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import scratch
from bench.figures import Figure, alone
from pipeline.cells.cell import record

EXPERIMENTS, SEEDS = 25, (0, 1, 2)  # a train, a predict and three evaluate cells each: 375 cells
ROUNDS = 3


def measure() -> Iterator[Figure]:
    """CPU seconds of every process together, by the operating system's account."""
    beyond, whole = zip(*(_round() for _ in range(ROUNDS)), strict=True)
    yield alone("orchestration, CPU a cell beyond its work", list(beyond), "s", 0.3)
    yield alone("make repro of 375 trivial cells, CPU a cell", list(whole), "s", 1.0)


def _round() -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        project = scratch.copy(Path(folder), many(EXPERIMENTS))
        start = cpu(project, [sys.executable, "-m", "pipeline.run.executors.warm", *_warm_modules(project)])
        filled = cpu(project, [sys.executable, "-m", "pipeline.cli", "fill"])
        own = [record(f.parent, "costs.json")["cpu_seconds"] for f in (project / ".cells").glob("*/cell.json")]
        rest = cpu(project, [sys.executable, "-m", "pipeline.cli", "repro"])
    return (filled - start - sum(own)) / len(own), (filled + rest) / len(own)


def many(experiments: int, seeds: Sequence[int] = SEEDS) -> Any:
    """An edit: this many experiments on iris that differ in their learning rate, one epoch each."""

    def edit(params: dict[str, Any]) -> None:
        scratch.only(["iris_mlp"], seeds)(params)
        row = params["experiments"].pop("iris_mlp")
        for i in range(experiments):
            params["experiments"][f"iris_{i}"] = {**row, "set": {**row["set"], "lr": 0.1 * (i + 1) / experiments}}

    return edit


def _warm_modules(project: Path) -> list[str]:
    code = (
        "from pipeline.cells import fingerprint;"
        "print(*[f[:-3].replace('/', '.') for f in fingerprint.sources(['pipeline.training.train',"
        "'pipeline.evaluate.predict', 'pipeline.evaluate.evaluate', 'pipeline.data.fetch', 'pipeline.data.prepare'])])"
    )
    return scratch.run(project, sys.executable, "-c", code).stdout.split()


def cpu(project: Path, words: list[str]) -> float:
    """CPU seconds of a command and all that it started; stdin is closed, which ends a warm interpreter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, cwd=project, env=scratch.environment(), stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}: {os.fsdecode(done.stderr)[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
