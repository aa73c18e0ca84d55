"""What tests of a whole project share: commands in the background, what they leave behind, what they made."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench import scratch
from pipeline.cells.cell import record

REPRO = (sys.executable, "-m", "pipeline.cli", "repro")


@contextmanager
def started(project: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command in a process group of its own, its output in `said.txt`; what is left of it is killed at the end."""
    with (project / "said.txt").open("w") as said:
        process = subprocess.Popen(
            words,
            cwd=project,
            env=scratch.environment(),
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        for pid in [process.pid, *processes(project)]:
            if process.poll() is None or pid != process.pid:
                kill(pid)
        process.wait()


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """A signal to a process that may have ended already."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def processes(project: Path) -> dict[int, str]:
    """Command lines, by process id, of all that work in a project's folder, wherever their parents are."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            inside = Path(os.readlink(entry / "cwd")).is_relative_to(project)
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except OSError:
            continue
        if inside and words:  # a zombie has no words
            found[int(entry.name)] = words
    return found


def survivors(project: Path, seconds: float = 3.0) -> dict[int, str]:
    """Processes of a project that are still there after a while; none if nothing was orphaned."""
    wait_for(lambda: not processes(project), seconds)
    return processes(project)


def wait_for(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The first true answer, or the last false one when the time is up."""
    end = time.monotonic() + seconds
    while not (answer := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return answer


def training(project: Path, since: float) -> list[Path]:
    """Folders of the train cells that are in the midst of their epochs, and told so after a time."""
    found = [p for p in project.glob(".cells/*/progress.json") if not (p.parent / "cell.json").is_file()]
    return [p.parent for p in found if p.stat().st_mtime > since]


def cells(project: Path, kind: str = "") -> set[str]:
    """Names of the finished cells of a kind."""
    found = (p.parent for p in project.glob(".cells/*/cell.json"))
    return {p.name for p in found if record(p, "spec.json")["kind"].startswith(kind)}


def trained(project: Path) -> set[str]:
    """Names of the finished train cells that did not fail."""
    found = {
        name: json.loads((project / ".cells" / name / "result.json").read_text()) for name in cells(project, "train")
    }
    return {name for name, result in found.items() if result["status"] == "ok"}


def unfinished(project: Path) -> set[str]:
    """Names of the cells that were begun and have no marker."""
    return {p.parent.name for p in project.glob(".cells/*/spec.json") if not (p.parent / "cell.json").is_file()}


def weights(project: Path, profile: str = "laptop") -> dict[str, str]:
    """weights_hash by experiment and seed, of what the stages show."""
    found = sorted(project.glob(f"artifacts/{profile}/*/*/seed*/result.json"))
    return {f"{p.parts[-3]} {p.parts[-2]}": json.loads(p.read_text()).get("weights_hash") for p in found}


def results(project: Path, profile: str = "laptop") -> bytes:
    return (project / "reports" / profile / "results.csv").read_bytes()


def stages(output: str) -> list[str]:
    """Stages that DVC said to run, in order."""
    lines = [line for line in output.splitlines() if line.startswith("Running stage")]
    return [line.split("'")[1] for line in lines]


def flip(path: Path) -> None:
    """One bit in the midst of a finished file, as a failing disk has it: neither size nor time of the file tell."""
    before = path.stat()
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    path.chmod(0o444)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size and path.stat().st_mtime_ns == before.st_mtime_ns
