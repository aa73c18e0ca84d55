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

# By the names of /proc/cpuinfo: which of them a processor has decides the last digits of sums and the speed of 8-bit
# products.
INSTRUCTIONS = {"avx2": "AVX2", "avx512f": "AVX-512", "avx_vnni": "VNNI", "avx512_vnni": "VNNI"}


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
    """Of the processor its name and INSTRUCTIONS, or the name of the GPU that this process trains on."""
    import sys

    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return torch.cuda.get_device_name()
    try:
        return described(Path("/proc/cpuinfo").read_text())
    except (OSError, KeyError):
        return platform.processor() or platform.machine()


def described(cpuinfo: str) -> str:
    """`AMD EPYC (AVX2)` of the first processor in the text of /proc/cpuinfo; KeyError where it names none."""
    first = cpuinfo.split("\n\n", 1)[0].splitlines()
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in first)}
    flags = facts.get("flags", "").split()
    has = ", ".join(dict.fromkeys(told for flag, told in INSTRUCTIONS.items() if flag in flags))
    return f"{facts['model name']} ({has})" if has else facts["model name"]


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
