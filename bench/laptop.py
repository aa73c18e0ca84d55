"""The laptop profile as it stands, from raw data to registry, on a fresh copy."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench import scratch
from bench.figures import Figure, alone


def measure() -> Iterator[Figure]:
    """Wall minutes, packages installed."""
    with tempfile.TemporaryDirectory() as folder:
        project = scratch.copy(Path(folder), lambda params: params.update(profile="laptop"))
        started = time.perf_counter()
        scratch.cli(project, "repro")
        yield alone("laptop profile, wall", [(time.perf_counter() - started) / 60], "min", 25.0)
