"""`make repro JOBS=2` on two cores, against one job with one thread and one job with two.

All rows of Fashion-MNIST with two fifths of their samples: what a laptop's run is made of. Of large convolutional
networks alone two threads would be worth about as much as two jobs.
"""

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import scratch
from bench.figures import Figure, compared

ROUNDS = 3


def measure() -> Iterator[Figure]:
    """Wall seconds of the whole command in turn; data is there already. Weights must be the same to the bit."""
    times: dict[tuple[int, int], list[float]] = {(2, 1): [], (1, 1): [], (1, 2): []}
    weights: set[str] = set()
    for _ in range(ROUNDS):
        for (jobs, threads), found in times.items():
            with tempfile.TemporaryDirectory() as folder:
                project = scratch.copy(Path(folder), _edit(threads))
                scratch.run(project, *("python", "-m", "stages.prepare", "fashion_mnist"))
                started = time.perf_counter()
                scratch.cli(project, "repro", "--jobs", str(jobs))
                found.append(time.perf_counter() - started)
                if threads == 1:
                    weights.add(_weights(project))
    if len(weights) != 1:
        raise AssertionError("JOBS=1 and JOBS=2 gave different weights or results")
    yield compared("make repro JOBS=2, wall", "JOBS=1, 1 thread", times[2, 1], times[1, 1], "s", 0.6)
    yield compared("make repro JOBS=2, wall", "JOBS=1, 2 threads", times[2, 1], times[1, 2], "s", 0.85)


def _edit(threads: int) -> Any:
    def edit(params: dict[str, Any]) -> None:
        rows = [key for key, row in params["experiments"].items() if row["data"] == "fashion_mnist"]
        scratch.only(rows, (0,), 4, 4000)(params)
        params["variants"].clear()
        params["profiles"]["laptop"]["threads"] = threads

    return edit


def _weights(project: Path) -> str:
    """Every weights hash and the tidy results, as one text."""
    hashes = {
        str(f.relative_to(project)): json.loads(f.read_text())["weights_hash"]
        for f in sorted((project / "artifacts").rglob("result.json"))
    }
    return json.dumps(hashes) + (project / "reports/laptop/results.csv").read_text()
