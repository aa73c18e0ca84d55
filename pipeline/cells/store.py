"""What is done with the folders of cells: fill one, seal it, show it at an output, verify it, copy it in."""

import fcntl
import importlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.cells import archives, fingerprint, provenance
from pipeline.cells.cell import (
    AGAIN,
    CHECKPOINTS,
    COMPACT,
    MARKER,
    PAUSED,
    PRIVATE,
    CellError,
    Execution,
    content,
    on_disk,
    parsed,
    read_json,
    read_marker,
    record,
    write_json,
)

FINISHED = 0o444  # mode of a finished cell's files, so that nobody edits one by chance


def execute(
    key: str,
    folder: Path,
    entry: str,
    resolved: Mapping[str, Any],
    inputs: Mapping[str, str],
    execution: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Do one cell's work in this process; returns its result. resolved, execution: of `Cell`, in JSON values.

    Waits where another process is at the same cell. Raises CellError where an input is damaged, and whatever the work
    raises; then there is no marker. Nor is there one where the result's status is `paused`: it stands in PAUSED.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        if (folder / MARKER).is_file():
            return record(folder, "result.json")
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in PRIVATE:
                path.unlink()
        for parent in inputs.values():
            require_sound(Path(parent))
        records: dict[str, Any] = {"spec.json": {**resolved, "key": key}}
        compact = resolved.get("kind") in COMPACT
        if not compact:
            write_json(folder / "spec.json", records.pop("spec.json"))
        wall, cpu = time.perf_counter(), provenance.cpu_seconds()
        module = importlib.import_module(entry)
        more = [Execution.model_validate(execution)] if execution else []
        found = module.run(parsed(module.Spec, resolved), folder, {n: Path(p) for n, p in inputs.items()}, *more)
        if found.get("status") == "paused":
            write_json(folder / PAUSED, found)
            return dict(found)
        result = {"reason": None, **found}
        costs = result.pop("costs", {})
        spent = {"seconds": time.perf_counter() - wall, "cpu_seconds": provenance.cpu_seconds() - cpu}
        costs = {name: round(seconds, 4) for name, seconds in spent.items()} | costs
        around = provenance.surroundings(resolved.get("threads"), costs.get("devices", 1), costs.pop("processor", None))
        records |= {"result.json": result, "costs.json": around | costs}
        if not compact:
            for name, content in records.items():
                write_json(folder / name, content)
        seal(folder, key, records if compact else {})
        return result


def seal(folder: Path, key: str, records: Mapping[str, Any] = {}) -> None:
    """Write the completion marker over everything in the folder, once all of that is on the disk.

    records: JSON files that stand in the marker instead of beside it.
    """
    files = {p.name: fingerprint.of_file(p) for p in sorted(folder.iterdir()) if p.name not in PRIVATE | {MARKER}}
    for name in files:
        (folder / name).chmod(FINISHED)
    for path in (*(folder / name for name in files), folder):
        _sync(path)
    files |= {name: fingerprint.of_json(content) for name, content in records.items()}
    marker = {"key": key, "files": files, "digest": content(files)}
    write_json(folder / MARKER, marker | ({"records": records} if records else {}))
    (folder / MARKER).chmod(FINISHED)
    for name in (*CHECKPOINTS, PAUSED):
        (folder / name).unlink(missing_ok=True)


def verify(folder: Path, key: str | None = None, content: bool = True) -> None:
    """Rehash a cell; CellError names the first file that is not what the marker says.

    key: of a cell that is shown elsewhere than in its own folder. content: False only asks whether files are there.
    """
    marker, spec = read_marker(folder), record(folder, "spec.json")
    if not (key or folder.name) == marker["key"] == spec.pop("key", None) == fingerprint.of_json(spec)[:32]:
        raise CellError(f"{folder}: its specification does not hash to its name; it was edited or misnamed")
    _compare(folder, marker, fingerprint.of_file if content else None)


def require_sound(folder: Path) -> None:
    """CellError names the first file of a finished cell that is not what the marker says, before anybody reads it.

    Many cells read the same one, so a file that nobody has touched is hashed once in this process and its forks.
    """
    _compare(folder, read_marker(folder), fingerprint.of_untouched)


def _compare(folder: Path, marker: Mapping[str, Any], digest_of: Callable[[Path], str] | None) -> None:
    for name, digest in marker["files"].items():
        if name in marker.get("records", {}):
            continue
        if Path(name).name != name or not (folder / name).is_file():
            raise CellError(f"{folder / name}: missing, though the marker lists it; {AGAIN}")
        if digest_of and digest_of(folder / name) != digest:
            raise CellError(f"{folder / name}: content changed after completion; {AGAIN}")


def finished() -> Iterator[Path]:
    """Folders of all finished cells."""
    return (marker.parent for marker in sorted(paths.CELLS.glob(f"*/{MARKER}")))


def import_from(source: Path) -> tuple[int, int]:
    """Copy the finished cells of another machine in; returns (copied, already here).

    source: a `.cells` folder, one of its cells, an archive of cells, or a folder of archives. Each is verified before
    it gets its final name. CellError where `source` holds none or one is damaged.
    """
    if packed := archives.found(source):
        paths.CELLS.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=paths.CELLS, prefix="unpacked-") as unpacked:
            archives.unpack(packed, Path(unpacked))
            return import_from(Path(unpacked))
    patterns = (MARKER, f"*/{MARKER}", f".cells/*/{MARKER}")
    folders = sorted(marker.parent for pattern in patterns for marker in source.glob(pattern))
    if not folders:
        raise CellError(f"{source}: no finished cells there (looked for <key>/{MARKER} and *.tar*)")
    present = 0
    for folder in folders:
        target = paths.CELLS / folder.name
        if (target / MARKER).is_file():
            present += 1
            continue
        verify(folder)
        draft = paths.CELLS / "incoming" / folder.name
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        for name in on_disk(read_json(folder / MARKER)):
            shutil.copy2(folder / name, draft / name)
        verify(draft)
        shutil.rmtree(target, ignore_errors=True)
        draft.replace(target)
    return len(folders) - present, present


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder; the lock goes with the process, however it ends."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
