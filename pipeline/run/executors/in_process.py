"""Cells in this very process, so that a debugger stops in them and an error shows its whole traceback: `JOBS=0`."""

import os
import time
from collections.abc import Iterable, Sequence

from pipeline.cells import fingerprint, store
from pipeline.cells.cell import Cell
from pipeline.run.executors.contract import CellOutcome
from pipeline.run.executors.forks import THREAD_VARIABLES, order


class InProcess:
    """An error of a cell ends the run: what a debugger wants. Memory of a cell is not given back before the end."""

    slots = 1

    def __init__(self) -> None:
        self.submitted: list[Cell] = []

    def start(self, cells: Iterable[Cell]) -> None:
        os.environ.update(THREAD_VARIABLES)  # before the first cell imports a library that reads them

    def submit(self, cells: Sequence[Cell]) -> None:
        self.submitted = list(cells)

    def wait(self, seconds: float | None = None) -> list[CellOutcome]:
        outcomes = []
        for cell in self.submitted:
            started = time.monotonic()
            asked = order(cell)
            fingerprint.require_same(cell.resolved["sources"], fingerprint.sources([cell.entry, *cell.modules]))
            store.execute(cell.key, cell.folder, cell.entry, cell.resolved, asked["inputs"], asked["execution"])
            outcomes.append(CellOutcome(cell, None, time.monotonic() - started))
        self.submitted = []
        return outcomes

    def stop(self) -> None:
        self.submitted = []
