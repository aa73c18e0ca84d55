"""Finishes missing cells with an executor: inputs first, the longest first, and what failed does not stop the rest."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.cells import fingerprint
from pipeline.cells.cell import Cell, findings
from pipeline.errors import Told
from pipeline.run.devices import default_jobs
from pipeline.run.executors.contract import CellOutcome, Executor, ExecutorError
from pipeline.run.executors.forks import WarmForks
from pipeline.run.executors.in_process import InProcess
from pipeline.run.progress import Progress

if TYPE_CHECKING:
    from pipeline.config.sections import Profile

QUICK = {"evaluate"}  # kinds that take less than a fork: they are done where what they read was just made


class RunError(Told, RuntimeError):
    """Cells that could not be finished, for a reason that may pass; the message lists them."""


def executor(jobs: int | None, profile: "Profile | None" = None) -> Executor:
    """jobs: cells side by side, None for as many as there is room for; 0 for cells in this very process, one after the
    other. profile: says which executor; this machine's where None. Nothing is started yet."""
    if jobs == 0:
        return InProcess()
    if profile and profile.executor == "ray":
        from pipeline.run.executors.ray_cluster import RayCluster

        cell = profile.threads, profile.devices
        return RayCluster(profile.ray_address, jobs, *cell, profile.ray_checkpoint_minutes)
    return WarmForks(jobs or default_jobs(*((profile.threads, profile.devices) if profile else (1,))))


def needed(wanted: Iterable[Cell]) -> list[Cell]:
    """The cells and all that they are made from, each once, inputs first."""
    ordered: dict[int, Cell] = {}

    def visit(cell: Cell) -> None:
        if id(cell) not in ordered:
            for parent in cell.inputs.values():
                visit(parent)
            ordered[id(cell)] = cell

    for cell in wanted:
        visit(cell)
    return list(ordered.values())


def followers(head: Cell, waiting: Iterable[Cell]) -> list[Cell]:
    """Quick cells that read the predictions that `head` makes, or reads itself, and need nothing else."""
    group = [head]
    near = {id(cell) for cell in (head, *head.inputs.values()) if cell.kind == "predict"}
    for cell in waiting:
        parents = list(cell.inputs.values())
        quick = cell is not head and cell.kind in QUICK and any(id(parent) in near for parent in parents)
        if quick and all(parent.complete or any(parent is made for made in group) for parent in parents):
            group.append(cell)
    return group[1:]


@dataclass
class Run:
    """One filling of cells. seconds: an estimate for a cell, by which the longest starts first.

    first: whether a cell goes before all others, however short it is. ended: is told of each cell that was finished.
    running: submissions by the key of their first cell.
    """

    executor: Executor
    seconds: Callable[[Cell], float | None] = lambda _: None
    say: Callable[[str], None] = lambda line: print(line, flush=True)
    first: Callable[[Cell], bool] = lambda _: False
    ended: Callable[[Cell], None] = lambda _: None
    running: dict[str, list[Cell]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    pending: set[int] = field(default_factory=set)  # ids of the cells that are not finished

    def fill(self, wanted: Iterable[Cell]) -> list[Cell]:
        """Finish what is missing; returns the cells made. RunError, after all else is finished, for what failed.

        A cell that ends with status `failed` is a result like any other: what depends on it is asked all the same.
        """
        waiting = [c for c in needed(wanted) if not c.complete]
        if not waiting:
            fingerprint.save()
            return []
        made: list[Cell] = []
        self.pending = {id(cell) for cell in waiting}
        progress = Progress(waiting, self.seconds, self.executor.slots)
        self.say(f"{progress} to make")
        try:
            self.executor.start(waiting)
            while True:
                waiting = self._submit_ready(waiting)
                if not self.running:
                    break
                while not (outcomes := self.executor.wait(progress.interval)):
                    progress.show(cell for group in self.running.values() for cell in group)
                group = self.running.pop(outcomes[0].cell.key)
                ended = {id(outcome.cell) for outcome in outcomes}
                waiting += [cell for cell in group if id(cell) not in ended]
                finished = [outcome.cell for outcome in outcomes if self._succeeded(outcome, progress)]
                self.pending -= {id(cell) for cell in finished}
                made += finished
        except ExecutorError as error:
            raise RunError(str(error)) from error
        finally:
            progress.clear()
            self.executor.stop()
            fingerprint.save()
        if self.problems:
            lines = [f"{label}: {why}" for label, why in self.problems.items()]
            blocked = ", ".join(dict.fromkeys(cell.experiment for cell in waiting))
            lines += [f"not started, since what they need is missing: {blocked}"] if blocked else []
            raise RunError("\n".join(lines))
        return made

    def _succeeded(self, outcome: CellOutcome, progress: Progress) -> bool:
        """Print the cell's line; what went wrong is remembered."""
        progress.count(outcome)
        progress.clear()
        self.say(f"{progress} {outcome.cell.kind} {outcome.cell.label}  {told(outcome)}")
        if outcome.problem:
            self.problems[outcome.cell.label] = outcome.problem
            return False
        self.ended(outcome.cell)
        return True

    def _submit_ready(self, waiting: list[Cell]) -> list[Cell]:
        """Fill the free slots; returns the cells that go on waiting."""
        running = {cell.key for group in self.running.values() for cell in group}
        gone: set[int] = set()  # of `waiting`
        found = False  # whether a cell was done all along, which only its key could tell
        for cell in sorted(filter(self._ready, waiting), key=self._rank):
            if len(self.running) == self.executor.slots:
                break
            if id(cell) in gone or cell.key in running:
                continue
            group = [cell]
            if cell.complete:
                self.pending.discard(id(cell))
                found = True
            else:
                group += followers(cell, waiting)
                running |= {c.key for c in group}
                self._submit(group)
            gone |= {id(c) for c in group}
        left = [cell for cell in waiting if id(cell) not in gone]
        return self._submit_ready(left) if found else left  # it may have been all that another waited for

    def _rank(self, cell: Cell) -> tuple[bool, float]:
        return not self.first(cell), -(self.seconds(cell) or 0.0)

    def _ready(self, cell: Cell) -> bool:
        """Whether nothing that the cell needs is still to be made, known without a look at the disk."""
        return not any(id(parent) in self.pending for parent in cell.inputs.values())

    def _submit(self, group: list[Cell]) -> None:
        self.running[group[0].key] = group
        self.executor.submit(group)

    def flow(self, more: Callable[[], Cell | None]) -> Generator[CellOutcome, None, None]:
        """A steady flow instead of a list: for a search, where what to try depends on how earlier cells ended.

        `more` is asked whenever a slot is free, after what was yielded last has been dealt with; None: nothing until
        another cell ends. A cell that it gives must have its inputs and must not be running. The flow ends when nothing
        runs and `more` has nothing; closing it stops what runs. RunError where the executor ended. Nothing is printed.
        """
        started = False
        try:
            while True:
                while len(self.running) < self.executor.slots and (cell := more()):
                    if not started:
                        self.executor.start([cell])
                        started = True
                    self._submit([cell])
                if not self.running:
                    return
                for outcome in self.executor.wait():
                    del self.running[outcome.cell.key]
                    yield outcome
        except ExecutorError as error:
            raise RunError(str(error)) from error
        finally:
            self.executor.stop()
            fingerprint.save()


def told(outcome: CellOutcome) -> str:
    """The rest of a cell's line: what went wrong, or its time and outcome."""
    if outcome.problem:
        return outcome.problem
    result, text = outcome.cell.result, f"{outcome.seconds:.1f} s"
    if result["status"] == "failed":
        text += f"  FAILED: {result['reason']}"
    values = result.get("validation") or {}
    text += "".join(f"  validation {name} {value:.4f}" for name, value in values.items() if name != "loss")
    text += "".join(f"  {found.upper()}" for found in findings(result))
    return text + "".join(f"\n    {remark}" for remark in result.get("remarks", []))
