"""What would run, because of which input, and how long it should take: before anything is spent."""

from collections.abc import Iterator
from typing import Any

from pipeline.build.repro import not_run
from pipeline.build.selection import STEPS, Selection
from pipeline.cells.cell import Cell, CellError, record
from pipeline.config import loading
from pipeline.run.estimate import Estimates, total
from pipeline.run.fill import needed
from pipeline.run.plan import Plan

JUDGING = STEPS["evaluate"]  # kinds that share a step


def why(experiment: str | None, data: str | None, task: str | None, jobs: int | None) -> int:
    """Print what `make repro` would compute; computes nothing."""
    selection = Selection(Plan(loading.load()), experiment, data, task)
    print(explain(selection.cells(), selection.estimates, selection.plan.jobs(jobs) or 1))
    for line in not_run(selection):
        print(line)
    return 0


def explain(cells: list[Cell], estimates: Estimates, jobs: int) -> str:
    """A line for each kind of work on an entry, with the inputs that changed."""
    missing = [c for c in needed(cells) if not c.complete]
    if not missing:
        return "nothing to compute: every cell is there"
    lines: list[str] = []
    stages: dict[str, list[Cell]] = {}
    for cell in missing:
        stages.setdefault(work_of(cell), []).append(cell)
    for stage, group in stages.items():
        reasons = list(dict.fromkeys(reason for cell in group for reason in because(cell)))
        lines.append(f"{stage}  ({len(group)} cell{'s' if len(group) > 1 else ''})")
        lines += [f"    {reason}" for reason in reasons[:6]]
        lines += [f"    and {len(reasons) - 6} more"] if len(reasons) > 6 else []
    seconds = [estimates.seconds(c) for c in missing]
    lines.append(
        f"then report and publish; {len(missing)} cells, {total(seconds, jobs, len(stages) + 2)} with JOBS={jobs}"
    )
    return "\n".join(lines)


def work_of(cell: Cell) -> str:
    """What `why` calls the work on an entry of params.yaml: `train iris_mlp`."""
    return f"{'evaluate' if cell.kind in JUDGING else cell.kind} {cell.experiment}"


def because(cell: Cell) -> Iterator[str]:
    """Changed inputs, `name: old -> new`, against what the stage's output shows now."""
    pending = [c for c in cell.inputs.values() if not c.complete and c.kind != "predict"]
    shown = _shown(cell)
    if shown is None:
        yield "never run" if cell.kind not in JUDGING or not pending else f"{work_of(pending[0])} runs"
        return
    now = cell.asked
    if cell.ready:
        now = cell.resolved
    else:
        yield from (f"{work_of(c)} runs" for c in pending)
        shown = {k: v for k, v in shown.items() if k in now}
    changes = list(_differences(shown, now))
    yield from changes
    if not changes and not pending:
        yield "its cell is missing (deleted, or never copied here)"


def _shown(cell: Cell) -> dict[str, Any] | None:
    """The specification of what the cell's output shows, None where it shows nothing."""
    try:
        spec = record(cell.output, "spec.json")
    except CellError:
        return None
    spec.pop("key")
    return spec


def _differences(old: Any, new: Any, name: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(set(old) | set(new)):
            yield from _differences(old.get(key), new.get(key), f"{name}.{key}" if name else key)
    elif old != new:
        if name.startswith("sources."):
            state = "new file" if old is None else "no longer used" if new is None else "code changed"
            yield f"{name.removeprefix('sources.')}: {state}"
        else:
            yield f"{name}: {_short(old)} -> {_short(new)}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:12] + "..."
