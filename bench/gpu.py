"""Minutes on a GPU, used in order of worth: tests, the bench of mixed precision, rows. bench/gpu.sh calls this.

    python -m bench.gpu MINUTES OUT [tests] [bench] [rows]

A row's seeds are trained side by side, each in a process of its own: one small network leaves a large GPU idle. While
the next row trains, the processor evaluates the last one. A row that cannot finish in time is stopped, as soon as its
progress says so; its checkpoints stay where they are.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Any

from bench.figures import RESULTS
from bench.gpu_kit import PROFILE, TESTED, expected
from pipeline import paths
from pipeline.cells import archives, provenance, store
from pipeline.cells.cell import Cell, CellError, read_json, write_json
from pipeline.config import loading
from pipeline.run.fill import Run, RunError, executor
from pipeline.run.plan import Plan

STEPS = ("tests", "bench", "rows")
LONGEST = {"tests": 240.0, "bench": 150.0}  # seconds
PACKING = 25.0  # seconds at the end that belong to it
SETTLED = 20.0  # seconds after which a row's epochs take what they will take
SOON = 10.0  # seconds before its end in which the next row's interpreter may start
PART, WHOLE = 15 * 2**20, 60 * 2**20  # bytes of a file, and of all that a call brings back
PACKED = paths.CELLS / "packed.json"  # keys that earlier calls brought back


@dataclass
class Row:
    """One row's cells: trained by one process, evaluated by another."""

    key: str
    cells: list[Cell]
    began: float = 0.0
    trained: float = 0.0  # when
    state: str = "not begun"
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def train(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == "train"]

    def start(self, part: str, jobs: int) -> None:
        """part: `train`, on the GPU, or `rest`, on the processor."""
        words = [sys.executable, "-m", "bench.gpu", "fill", self.key, part, str(jobs)]
        hidden = {"CUDA_VISIBLE_DEVICES": ""} if part == "rest" else {}
        self.processes[part] = subprocess.Popen(words, env={**os.environ, **hidden})
        if part == "train":
            self.began, self.state = time.monotonic(), "in training"

    def left(self, jobs: int) -> float | None:
        """Seconds until its last seed is trained, None while nothing is known: the first epoch also warms up."""
        missing = [cell for cell in self.train if not cell.complete]
        known = [found for cell in missing if (found := _epochs(cell))]
        if not missing or len(known) < min(jobs, len(missing)):
            return None if missing else 0.0
        waves = ceil((len(missing) - len(known)) / jobs)
        return max(left for left, _ in known) + waves * max(whole for _, whole in known)

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()  # and its children with it
            process.wait()


def _epochs(cell: Cell) -> tuple[float, float] | None:
    """(seconds to go, seconds of all epochs) of a network in training, by its last epoch."""
    path = cell.folder / "progress.json"
    try:
        row, age = read_json(path), time.time() - path.stat().st_mtime
    except (CellError, OSError):
        return None
    if row["epoch"] < 1:
        return None
    return max(0.0, (row["epochs"] - row["epoch"] - 1) * row["seconds"] - age), row["epochs"] * row["seconds"]


def fill(key: str, part: str, jobs: int) -> int:
    """A row's process."""
    cells = [cell for cell in Plan(loading.load(profile=PROFILE)).experiment(key)]
    wanted = [cell for cell in cells if (cell.kind == "train") == (part == "train")]
    wanted = [cell for cell in wanted if part == "train" or cell.ready]
    try:
        Run(executor(jobs)).fill(wanted)
    except RunError as error:
        print(error, flush=True)
        return 1
    return 0


def run_rows(rows: Sequence[Row], deadline: float, jobs: int) -> None:
    """Train one row after another until `deadline`, a reading of the monotonic clock."""
    waiting, training = list(rows), []  # type: tuple[list[Row], list[Row]]
    while (waiting or training) and time.monotonic() < deadline:
        for row in list(training):
            _watch(row, deadline, jobs)
            if row.state != "in training":
                training.remove(row)
        if waiting and all((left := row.left(jobs)) is not None and left < SOON for row in training):
            row = waiting.pop(0)
            print(f"{row.key}: {deadline - time.monotonic():.0f} s are left", flush=True)
            row.start("train", jobs)
            training.append(row)
        time.sleep(0.5)
    while time.monotonic() < deadline and any(p.poll() is None for row in rows for p in row.processes.values()):
        time.sleep(0.5)
    for row in rows:
        row.stop()
        row.state = "out of time" if row.state == "in training" else row.state


def _watch(row: Row, deadline: float, jobs: int) -> None:
    code, left = row.processes["train"].poll(), row.left(jobs)
    if code is not None:
        row.state, row.trained = ("trained" if code == 0 else "failed"), time.monotonic()
        row.start("rest", len(row.train))
    elif left is not None and time.monotonic() > row.began + SETTLED and time.monotonic() + 0.9 * left > deadline:
        row.stop()
        row.state = f"stopped: it would have taken {left:.0f} s more"
        print(f"{row.key}: {row.state}", flush=True)
        row.start("rest", len(row.train))


def pack(rows: Sequence[Row], out: Path) -> dict[str, Any]:
    """Finished cells that no earlier call has brought back, rows in order; what is too much waits for the next call."""
    before = json.loads(PACKED.read_text()) if PACKED.is_file() else []
    new = {c.key: c.folder for row in rows for c in row.cells if c.complete and c.key not in before}
    keys, size = [], 0
    for key, folder in new.items():
        size += sum(path.stat().st_size for path in folder.iterdir())
        if size < 1.1 * WHOLE:
            keys.append(key)
    while keys and len(packed := archives.pack(new[key] for key in keys)) > WHOLE:
        keys.pop()
    number = 1 + sum(1 for _ in out.glob("cells-*.001"))
    for part in range(ceil(len(packed) / PART) if keys else 0):
        data = packed[part * PART : (part + 1) * PART]
        (out / f"cells-{len(before)}-{number}.tar.gz.{part + 1:03d}").write_bytes(data)
    write_json(PACKED, [*before, *keys])
    return {"packed": len(keys), "waiting": len(new) - len(keys), "bytes": len(packed) if keys else 0}


def told(row: Row) -> dict[str, Any]:
    """What became of a row: seconds, costs and scores of its finished seeds."""
    done = [cell for cell in row.train if cell.complete]
    costs = [read_json(cell.folder / "costs.json") for cell in done]
    return {
        "state": row.state,
        "seeds": f"{len(done)} of {len(row.train)}",
        "evaluated": sum(1 for cell in row.cells if cell.kind != "train" and cell.complete),
        "seconds": round(max(0.0, row.trained - row.began), 1),
        "train_seconds": [cost.get("train_seconds") for cost in costs],
        "hardware": sorted({cost["hardware"] for cost in costs}),
        "validation": [cell.result.get("validation") or cell.result["reason"] for cell in done],
    }


def _step(name: str, seconds: float, *words: str) -> dict[str, Any]:
    """A command with a limit of time."""
    print(f"\n{name}, at most {seconds:.0f} s", flush=True)
    began = time.monotonic()
    try:
        code: int | str = subprocess.run([sys.executable, "-m", *words], timeout=max(1.0, seconds)).returncode
    except subprocess.TimeoutExpired:
        code = "out of time"
    return {"code": code, "seconds": round(time.monotonic() - began, 1)}


def tests(seconds: float) -> dict[str, Any]:
    files = [str(path) for path in sorted(Path("tests").rglob("test_*.py")) if "mark.gpu" in path.read_text()]
    lanes = ["-n", "6"] if os.environ.get("CUDA_VISIBLE_DEVICES") else []
    return _step("tests", seconds, "pytest", "-m", "gpu", "-vv", "--tb=short", "--durations=20", *lanes, *files)


def bench(seconds: float) -> dict[str, Any]:
    found = _step("bench", seconds, "bench", "mixed")
    figures = RESULTS / "mixed.jsonl"
    lines = figures.read_text().splitlines() if figures.is_file() else []
    return {**found, "figures": [json.loads(line) for line in lines]}


def surroundings() -> dict[str, Any]:
    words = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        gpu = subprocess.run(words, capture_output=True, text=True).stdout.strip()
    except OSError:
        gpu = ""
    names = ("torch", "torchvision", "pytorch-lightning", "numpy", "scikit-learn", "pydantic", "triton")
    versions = {"python": platform.python_version(), **{name: version(name) for name in names}}
    return {"gpu": gpu, "processor": provenance.processor(), "versions": versions, **provenance.commit()}


def main(words: Sequence[str]) -> int:
    if words[0] == "fill":
        return fill(words[1], words[2], int(words[3]))
    end, out, steps = time.monotonic() + 60 * float(words[0]), Path(words[1]), words[2:] or STEPS
    kit = read_json(paths.KIT / "kit.json")
    jobs, names = int(os.environ.get("JOBS") or 5), os.environ.get("ROWS", "").split() or kit["rows"]
    summary: dict[str, Any] = {"minutes": float(words[0]), "jobs": jobs, **surroundings()}
    print(json.dumps(summary), flush=True)
    store.import_from(paths.KIT)
    plan = Plan(loading.load(profile=PROFILE))
    Run(executor(2)).fill([plan.data(row) for row in {*kit["rows"], *names, TESTED}])
    rows = [Row(name, list(plan.experiment(name))) for name in names]
    found = expected(plan, kit["rows"])
    summary["other_keys"] = [name for name, keys in found.items() if kit["keys"].get(name) != keys]
    if summary["other_keys"]:
        print(f"keys differ from the kit's, where its cells could not be taken: {summary['other_keys']}", flush=True)
    for name, step in (("tests", tests), ("bench", bench)):
        if name in steps:
            summary[name] = step(min(LONGEST[name], end - PACKING - time.monotonic()))
            write_json(out / "summary.json", summary)
    if "rows" in steps:
        run_rows(rows, end - PACKING, jobs)
    summary["cells"] = pack(rows, out)
    summary["rows"] = {row.key: told(row) for row in rows}
    write_json(out / "summary.json", summary)
    print(json.dumps(summary, indent=1), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
