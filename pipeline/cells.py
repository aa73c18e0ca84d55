"""Cells: the smallest units of work, each a folder named by the hash of all that decides its content.

    .cells/<key>/   spec.json    what was asked: parameters, digests of inputs and sources, seed
                    ...          what the work wrote
                    result.json  deterministic outcome: `status` ok or failed, `reason`, values
                    costs.json   what depends on the machine: seconds, hardware, versions
                    cell.json    the completion marker, written last: digest of every file above

A folder without its marker is unfinished whatever else it holds. A key never covers time or machine, so a cell made
elsewhere can be copied in; `verify` rehashes it.
"""

import fcntl
import importlib
import json
import os
import platform
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline import fingerprint, paths

MARKER = "cell.json"
CHECKPOINTS = ("checkpoint.ckpt", "checkpoint.old.ckpt")  # the newest and the one before
PRIVATE = {"log.txt", "progress.json", *CHECKPOINTS}  # of the work in progress, never part of the result
VOLATILE = {"costs.json", "history.csv", "card.json"}  # times and descriptions: no part of a content digest


class CellError(RuntimeError):
    """A cell that is missing, unfinished or not what its marker says."""


@dataclass(frozen=True)
class Cell:
    """One unit of work.

    kind: fetch, prepare, train, compress or evaluate. entry: the dotted module whose `run(spec, folder, inputs)` does
    it. spec: JSON values, complete. modules: what the entry looks up by name. inputs: cells that must be there first.
    label: how people call it. output: the folder that a stage links it to. execution: how the work is done, such as the
    number of devices, and nothing of what it comes to: no part of the key.
    """

    kind: str
    entry: str
    spec: Mapping[str, Any]
    output: Path
    label: str
    modules: tuple[str, ...] = ()
    inputs: Mapping[str, "Cell"] = field(default_factory=dict)
    execution: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def resolved(self) -> dict[str, Any]:
        """The preimage of the key."""
        inputs = {name: cell.identity for name, cell in self.inputs.items()}
        sources = fingerprint.sources([self.entry, *self.modules])
        return {"kind": self.kind, "entry": self.entry, **self.spec, "inputs": inputs, "sources": sources}

    @cached_property
    def key(self) -> str:
        return fingerprint.of_json(self.resolved)[:32]

    @property
    def identity(self) -> str:
        """What the key of a consumer contains: of data the content, so that equal data retrains nothing."""
        if self.kind in ("fetch", "prepare"):
            return self.marker["digest"]
        return self.key

    @property
    def folder(self) -> Path:
        return paths.CELLS / self.key

    @property
    def ready(self) -> bool:
        """Whether it can be started; before that its key is not known."""
        return all(cell.complete for cell in self.inputs.values())

    @property
    def complete(self) -> bool:
        if "_seen" not in self.__dict__ and self.ready and (self.folder / MARKER).is_file():
            self.__dict__["_seen"] = True  # a finished cell stays finished
        return "_seen" in self.__dict__

    @property
    def marker(self) -> dict[str, Any]:
        return read_json(self.folder / MARKER)

    @property
    def result(self) -> dict[str, Any]:
        return read_json(self.folder / "result.json")


def findings(result: dict[str, Any]) -> list[str]:
    """What a run's record names in its `health`, each once: `dead units`."""
    return list(dict.fromkeys(found.partition(":")[0] for found in result.get("health", [])))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; CellError names the file where it is missing or damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CellError(f"{path}: {error}") from error
    if not isinstance(value, dict):
        raise CellError(f"{path}: expected a JSON object, found {type(value).__name__}")
    return value


def write_json(path: Path, value: Any) -> None:
    """Write durably and all at once: a reader sees the old file or the new one."""
    draft = path.with_name(path.name + ".part")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def order(
    key: str,
    folder: Path,
    entry: str,
    spec: dict[str, Any],
    inputs: dict[str, str],
    execution: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Do one cell's work in this process; returns its result. execution: reaches the work beside the spec.

    Waits where another process is at the same cell. Raises whatever the work raises and then leaves no marker.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        if (folder / MARKER).is_file():
            return read_json(folder / "result.json")
        for path in folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in PRIVATE:
                path.unlink()
        write_json(folder / "spec.json", {**spec, "key": key})
        wall, cpu = time.perf_counter(), _cpu_seconds()
        module = importlib.import_module(entry)
        asked = {**spec, "execution": execution} if execution else spec
        result = {"reason": None, **module.run(asked, folder, {name: Path(p) for name, p in inputs.items()})}
        costs = result.pop("costs", {})
        spent = {"seconds": time.perf_counter() - wall, "cpu_seconds": _cpu_seconds() - cpu}
        costs = {name: round(seconds, 4) for name, seconds in spent.items()} | costs
        write_json(folder / "result.json", result)
        around = surroundings(spec.get("threads"), costs.get("devices", 1), costs.pop("processor", None))
        write_json(folder / "costs.json", around | costs)
        seal(folder, key)
        return result


def seal(folder: Path, key: str) -> None:
    """Write the completion marker over everything in the folder, once all of that is on the disk."""
    files = {p.name: fingerprint.of_file(p) for p in sorted(folder.iterdir()) if p.name not in PRIVATE | {MARKER}}
    for path in (*(folder / name for name in files), folder):
        _sync(path)
    write_json(folder / MARKER, {"key": key, "files": files, "digest": _content(files)})
    for name in CHECKPOINTS:
        (folder / name).unlink(missing_ok=True)


def _content(files: Mapping[str, str]) -> str:
    """Digest of what a cell holds, whoever made it."""
    return fingerprint.of_json({n: d for n, d in files.items() if n not in VOLATILE | {"spec.json"}})


def link(cell: Cell, output: Path) -> None:
    """Show a finished cell at a stage's output, without a second copy where the file system allows it."""
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    for name in [*cell.marker["files"], MARKER]:
        try:
            os.link(cell.folder / name, output / name)
        except OSError:
            shutil.copy2(cell.folder / name, output / name)


def verify(folder: Path) -> None:
    """Rehash a cell; CellError names the first file that is not what the marker says."""
    marker = read_json(folder / MARKER)
    spec = read_json(folder / "spec.json")
    if set(marker) != {"key", "files", "digest"} or marker["digest"] != _content(marker["files"]):
        raise CellError(f"{folder / MARKER}: no marker of a finished cell; delete the folder to make it again")
    if not folder.name == marker["key"] == spec.pop("key", None) == fingerprint.of_json(spec)[:32]:
        raise CellError(f"{folder}: its specification does not hash to its name; it was edited or misnamed")
    for name, digest in marker["files"].items():
        if Path(name).name != name or not (folder / name).is_file():
            raise CellError(f"{folder / name}: missing, though the marker lists it; delete the folder to make it again")
        if fingerprint.of_file(folder / name) != digest:
            raise CellError(f"{folder / name}: content changed after completion; delete the folder to make it again")


def finished() -> Iterator[Path]:
    """Folders of all finished cells."""
    return (marker.parent for marker in sorted(paths.CELLS.glob(f"*/{MARKER}")))


def import_from(source: Path) -> tuple[int, int]:
    """Copy the finished cells of another machine's `.cells` in; returns (copied, already here).

    Each is verified before it gets its final name. CellError where `source` holds none or one is damaged.
    """
    patterns = (MARKER, f"*/{MARKER}", f".cells/*/{MARKER}")
    folders = sorted(marker.parent for pattern in patterns for marker in source.glob(pattern))
    if not folders:
        raise CellError(f"{source}: no finished cells there (looked for <key>/{MARKER})")
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
        for name in [*read_json(folder / MARKER)["files"], MARKER]:
            shutil.copy2(folder / name, draft / name)
        verify(draft)
        shutil.rmtree(target, ignore_errors=True)
        draft.replace(target)
    return len(folders) - present, present


def surroundings(threads: int | None, devices: int = 1, device: str | None = None) -> dict[str, Any]:
    """Machine, versions and commit that a result was made with. device: its name, where this process used none."""
    import sys

    hardware = device or processor()
    hardware = f"{devices} x {hardware}" if devices > 1 else hardware
    hardware += f", {threads} thread{'' if threads == 1 else 's'}" if threads else ""
    versions = {
        n: m.__version__
        for n in ("torch", "pytorch_lightning", "sklearn", "onnxruntime", "numpy")
        if (m := sys.modules.get(n))
    }
    lock = paths.ROOT / "requirements.txt"
    return {
        "hardware": hardware,
        "versions": {"python": platform.python_version(), **versions},
        "system": platform.platform(),
        "lock": fingerprint.of_path(lock) if lock.is_file() else None,
        **json.loads(os.environ.get("LAB_COMMIT") or "{}"),
    }


def processor() -> str:
    """Name of the processor, or of the GPU that this process trains on."""
    import sys

    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return torch.cuda.get_device_name()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def commit() -> dict[str, str | None]:
    """Commit of the working tree and a digest of what differs from it; both None outside of Git."""
    git = ["git", "-C", str(paths.ROOT)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
    if head.returncode:
        return {"commit": None, "dirty": None}
    where = ["--", "pipeline", "stages", "params.yaml"]
    diff = subprocess.run([*git, "diff", "HEAD", *where], capture_output=True, text=True).stdout
    new = subprocess.run([*git, "ls-files", "-o", "--exclude-standard", *where], capture_output=True, text=True).stdout
    changes = [diff, *((name, fingerprint.of_path(paths.ROOT / name)) for name in new.splitlines())]
    return {"commit": head.stdout.strip(), "dirty": fingerprint.of_json(changes) if diff or new else None}


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


def _cpu_seconds() -> float:
    """Of this process, and of those that worked for it and ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usages)
