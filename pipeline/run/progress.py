"""How far a run is: cells done, cells running, time left. A line that moves on a terminal, lines in a log."""

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Sequence

from pipeline.cells.cell import Cell, CellError, read_json
from pipeline.run.durations import format_duration
from pipeline.run.executors.contract import CellOutcome

BAR = 20  # characters


class Progress:
    """seconds: of a cell, as estimated before; None where nothing like it was ever run. slots: cells side by side."""

    def __init__(self, cells: Sequence[Cell], seconds: Callable[[Cell], float | None], slots: int) -> None:
        self.total, self.slots, self.done = len(cells), slots, 0
        self.left = {id(cell): seconds(cell) for cell in cells}
        self.estimated = self.spent = 0.0  # of the cells that ended and had an estimate
        self.since: dict[str, float] = {}  # of running cells, by key
        self.moving = sys.stderr.isatty()
        self.interval = 1.0 if self.moving else None

    def count(self, outcome: CellOutcome) -> None:
        """Note a cell that ended."""
        self.done += 1
        self.since.pop(outcome.cell.key, None)
        estimate = self.left.pop(id(outcome.cell), None)
        if estimate:
            self.estimated += estimate
            self.spent += outcome.seconds

    @property
    def seconds_left(self) -> float | None:
        """None where nothing is known of what is left. Corrected by how wrong the estimates were so far."""
        known = [seconds for seconds in self.left.values() if seconds is not None]
        if not known and self.left:
            return None
        pace = self.spent / self.estimated if self.estimated > 5 else 1.0
        return pace * max(sum(known) / self.slots, max(known, default=0.0))

    def __str__(self) -> str:
        """`[12/438, 5 min left]`"""
        left = self.seconds_left
        return f"[{self.done}/{self.total}{f', {format_duration(left)} left' if left else ''}]"

    def show(self, running: Iterable[Cell]) -> None:
        """On a terminal, renew the line that moves."""
        now, states = time.monotonic(), []
        for cell in running:
            since = self.since.setdefault(cell.key, now)
            states.append(f"{cell.kind} {cell.label} {now - since:.0f} s{_epoch(cell)}")
        full = BAR * self.done // self.total
        line = f"{'█' * full}{'░' * (BAR - full)} {self} {' | '.join(states)}"
        print(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}\r", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self.moving:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _epoch(cell: Cell) -> str:
    """`, epoch 2 of 4, validation loss 0.4612` of a network in training."""
    try:
        row = read_json(cell.folder / "progress.json")
    except CellError:
        return ""
    return f", epoch {row['epoch'] + 1} of {row['epochs']}, validation loss {row['validation_loss']:.4f}"
