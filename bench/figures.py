"""A measurement: ours against a peer, in one run, in turn."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from bench.scratch import ROOT
from pipeline.run.executors.forks import MEMORY

T = TypeVar("T")
RESULTS = ROOT / "bench" / "results"


@dataclass(frozen=True)
class Figure:
    """name: what is measured. ratio: ours to the peer's, median over n pairs. median, spread (lowest and highest): of
    ours, in `unit`. limit: what the ratio, or the median where there is no peer, has to stay below; None where it
    is only told."""

    name: str
    ratio: float | None
    peer: str
    n: int
    median: float
    spread: tuple[float, float]
    unit: str
    limit: float | None

    @property
    def holds(self) -> bool:
        return self.limit is None or (self.median if self.ratio is None else self.ratio) <= self.limit


def compared(name: str, peer: str, ours: list[float], theirs: list[float], unit: str, limit: float | None) -> Figure:
    """Of paired measurements, taken in turn."""
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Figure(
        name,
        round(statistics.median(ratios), 4),
        peer,
        len(ours),
        round(statistics.median(ours), 4),
        (round(min(ours), 4), round(max(ours), 4)),
        unit,
        limit,
    )


def alone(name: str, values: list[float], unit: str, limit: float | None) -> Figure:
    """Of ours, against a fixed limit."""
    return Figure(
        name,
        None,
        "none: a fixed limit",
        len(values),
        round(statistics.median(values), 4),
        (round(min(values), 4), round(max(values), 4)),
        unit,
        limit,
    )


def clocked(work: Callable[[], T]) -> tuple[tuple[float, float], T]:
    """((wall, CPU) seconds of a call in this process, what it returned)."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return (time.perf_counter() - wall, time.process_time() - cpu), result


def apart(module: str, *arguments: str) -> Iterator[Any]:
    """What `python -m module ...` prints, lines of JSON: a process of its own has the memory settings of cells, which
    are read at its start."""
    words = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ, **MEMORY}) as process:
        assert process.stdout
        yield from map(json.loads, process.stdout)
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}")


def record(bench: str, figures: Iterable[Figure]) -> Iterator[Figure]:
    """Write each figure as a JSON line of bench/results/<bench>.jsonl when it is there."""
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"{bench}.jsonl").open("w") as file:
        for figure in figures:
            file.write(json.dumps(asdict(figure)) + "\n")
            file.flush()
            yield figure


def table(figures: Iterable[Figure]) -> str:
    """A line a figure, for a terminal."""
    lines = [f"{'figure':52} {'ratio':>7} {'limit':>6} {'n':>3} {'median':>9} {'spread':>19} unit  peer"]
    for f in figures:
        ratio = "-" if f.ratio is None else f"{f.ratio:.3f}"
        spread = f"{f.spread[0]:.3f}-{f.spread[1]:.3f}"
        limit = "-" if f.limit is None else f"{f.limit:g}"
        verdict = "" if f.holds else "   ABOVE THE LIMIT"
        lines.append(
            f"{f.name:52} {ratio:>7} {limit:>6} {f.n:>3} {f.median:>9.3f} {spread:>19} {f.unit:5} {f.peer}{verdict}"
        )
    return "\n".join(lines)
