"""The contract of an executor: what does the work of cells, wherever that is."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from pipeline.cells.cell import Cell
from pipeline.errors import Told


class ExecutorError(Told, RuntimeError):
    """An executor that ended or could not start; the cells that it had may be submitted again."""


class CellOutcome(NamedTuple):
    """A cell that ended after `seconds`. problem: why it has no result.

    None where it has one, and where it was asked to pause and did.
    """

    cell: Cell
    problem: str | None
    seconds: float


class Executor(Protocol):
    @property
    def slots(self) -> int:
        """How many submissions it works on at once. ExecutorError where that can't be found out."""

    def start(self, cells: Iterable[Cell]) -> None:
        """Get ready for cells such as these. ExecutorError where that can't be."""

    def submit(self, cells: Sequence[Cell]) -> None:
        """Begin with cells that are done one after the other in one place.

        The inputs of each are finished, or stand before it in `cells`.
        """

    def wait(self, seconds: float | None = None) -> list[CellOutcome]:
        """The outcomes of one submission that ended; none where nothing ended within `seconds`.

        A cell that was not begun, since one before it failed, has no outcome. ExecutorError where what was submitted
        will never end.
        """

    def stop(self) -> None:
        """End what is still being worked on. May be called more than once."""
