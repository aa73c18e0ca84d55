"""`make repro` with nothing to do: of this project against `dvc repro` of an empty one, and with 1,000 rows."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import scratch
from bench.cells import cpu, many
from bench.figures import Figure, alone, compared
from pipeline.build.selection import Selection
from pipeline.config import loading
from pipeline.run.plan import Plan

ROUNDS, ROWS = 7, 1_000
REPRO = ["make", "repro"]


def measure() -> Iterator[Figure]:
    """CPU seconds in turn."""
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder, "empty")
        _make_empty(empty)
        project = _finished(Path(folder, "project"))
        pairs = [(cpu(project, REPRO), cpu(empty, [sys.executable, "-m", "dvc", "repro"])) for _ in range(ROUNDS)]
        ours, theirs = map(list, zip(*pairs, strict=True))
        cells = sum(1 for _ in (project / ".cells").glob("*/cell.json"))
        name = f"make repro with nothing to do, {cells} cells, CPU"
        yield alone(name, ours, "s", 6.0)
        yield compared(name, "dvc repro, empty", ours, theirs, "s", 5.0)
        large = _filled(Path(folder, "large"), many(ROWS, seeds=(0,)))
        yield alone(
            f"make repro with nothing to do, {ROWS} rows, CPU", [cpu(large, REPRO) for _ in range(ROUNDS)], "s", 10.0
        )


def _finished(target: Path) -> Path:
    """This very project where it has nothing to do; else a copy with every row and seed, and budgets cut."""
    if all(cell.complete for cell in Selection(Plan(loading.load())).cells()):
        cpu(scratch.ROOT, REPRO)  # what was left to show and to publish
        return scratch.ROOT

    def edit(params: dict[str, Any]) -> None:
        scratch.only(params["experiments"], (0, 1, 2), 1, 500)(params)

    return _filled(target, edit)


def _filled(target: Path, edit: Any) -> Path:
    project = scratch.copy(target, edit)
    (project / ".venv").symlink_to(scratch.ROOT / ".venv")
    scratch.cli(project, "repro")
    return project


def _make_empty(target: Path) -> None:
    target.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=target, check=True)
    scratch.run(target, sys.executable, "-m", "dvc", "init", "-q")
    (target / "dvc.yaml").write_text("stages: {}\n")
