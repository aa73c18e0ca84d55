"""What a result was made with: machine, versions, commit, processor time."""

import json
import os
import platform
import resource
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.cells import fingerprint


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
        "ended": round(time.time(), 3),
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
    """Commit of the working tree and a digest of what differs from it; outside of Git as `make gpu-kit` noted them."""
    git = ["git", "-C", str(paths.ROOT)]
    head = shutil.which("git") and subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True)
    if not head or head.returncode:
        noted = paths.KIT / "kit.json"
        return json.loads(noted.read_text())["commit"] if noted.is_file() else {"commit": None, "dirty": None}
    where = ["--", "pipeline", "stages", "params.yaml"]
    diff = subprocess.run([*git, "diff", "HEAD", *where], capture_output=True, text=True).stdout
    new = subprocess.run([*git, "ls-files", "-o", "--exclude-standard", *where], capture_output=True, text=True).stdout
    changes = [diff, *((name, fingerprint.of_path(paths.ROOT / name)) for name in new.splitlines())]
    return {"commit": head.stdout.strip(), "dirty": fingerprint.of_json(changes) if diff or new else None}


def cpu_seconds() -> float:
    """Of this process, and of those that worked for it and ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in usages)
