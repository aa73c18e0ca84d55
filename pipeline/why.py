"""What would run, because of which input, and how long it should take: before anything is spent."""

from collections.abc import Iterator
from typing import Any

from pipeline import paths
from pipeline.cells import MARKER, Cell, CellError, read_json
from pipeline.estimate import Estimates, total
from pipeline.runner import needed


def explain(cells: list[Cell], estimates: Estimates, jobs: int) -> str:
    """A line a stage that would run, with the inputs that changed; `nothing to do` where all cells are there."""
    missing = [c for c in needed(cells) if not c.complete]
    if not missing:
        return "nothing to compute: every cell is there"
    lines: list[str] = []
    stages: dict[str, list[Cell]] = {}
    for cell in missing:
        stages.setdefault(stage_of(cell), []).append(cell)
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


def stage_of(cell: Cell) -> str:
    """DVC's name of the stage that a cell belongs to; a variant is compressed and evaluated in one."""
    key = cell.label.split()[0]
    of_variant = cell.kind == "evaluate" and cell.inputs["model"].kind == "compress"
    return f"{'compress' if of_variant else cell.kind}@{key}"


def because(cell: Cell) -> Iterator[str]:
    """Changed inputs, `name: old -> new`, against what the stage's output shows now."""
    pending = [c for c in cell.inputs.values() if not c.complete]
    shown = _shown(cell)
    if shown is None:
        yield "never run" if cell.kind != "evaluate" or not pending else f"{stage_of(pending[0])} runs"
        return
    now: dict[str, Any] = {"kind": cell.kind, "entry": cell.entry, **cell.spec}
    if cell.ready:
        now = cell.resolved
    else:
        yield from (f"{stage_of(c)} runs" for c in pending)
        shown = {k: v for k, v in shown.items() if k in now}
    changes = list(_differences(shown, now))
    yield from changes
    if not changes and not pending:
        yield "its cell is missing (deleted, or never copied here)"


def _shown(cell: Cell) -> dict[str, Any] | None:
    output = cell.output if cell.kind != "evaluate" else None
    try:
        if output is None:  # results hold no specification; the model's own says whether it was evaluated as asked
            parent = cell.inputs["model"].output
            return None if not (parent / MARKER).is_file() else _evaluated(cell, parent)
        spec = read_json(output / "spec.json")
        spec.pop("key")
        return spec
    except CellError:
        return None


def _evaluated(cell: Cell, parent: Any) -> dict[str, Any] | None:
    """Specification of the newest evaluation of the model that `parent` shows."""
    key = read_json(parent / MARKER)["key"]
    found = []
    for marker in paths.CELLS.glob(f"*/{MARKER}"):
        spec = read_json(marker.parent / "spec.json")
        if spec["kind"] == "evaluate" and spec["inputs"]["model"] == key:
            found.append((marker.stat().st_mtime, spec))
    if not found:
        return None
    spec = max(found, key=lambda pair: pair[0])[1]
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
