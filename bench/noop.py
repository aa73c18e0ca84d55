"""`make repro` with nothing to do, against `dvc repro` with nothing to do."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from bench import scratch
from bench.cells import cpu
from bench.figures import Figure, compared

ROUNDS = 7


def measure() -> Iterator[Figure]:
    """CPU seconds in turn, on every stage that ships, with budgets cut so that it is soon done once."""

    def edit(params: dict[str, Any]) -> None:
        scratch.only(params["experiments"], (0,), 1, 500)(params)

    with tempfile.TemporaryDirectory() as folder:
        project = scratch.copy(Path(folder), edit)
        (project / ".venv").symlink_to(scratch.ROOT / ".venv")
        scratch.cli(project, "repro")
        stages = len(YAML(typ="safe").load(project / "dvc.lock")["stages"])
        pairs = [
            (cpu(project, ["make", "repro"]), cpu(project, [sys.executable, "-m", "dvc", "repro", "-q"]))
            for _ in range(ROUNDS)
        ]
    ours, theirs = zip(*pairs, strict=True)
    name = f"make repro with nothing to do, {stages} stages, CPU"
    yield compared(name, "dvc repro", list(ours), list(theirs), "s", 1.5)
