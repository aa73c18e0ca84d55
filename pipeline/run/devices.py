"""What this machine has for cells: its GPUs and cores, found without an import of torch."""

import ctypes
import os
from functools import cache
from itertools import takewhile
from pathlib import Path

DRIVER = Path("/proc/driver/nvidia/gpus")  # a folder for each GPU
LIBRARY = "libnvidia-ml.so.1"


def gpus() -> list[str]:
    """Numbers or names of the GPUs that cells may use: those that CUDA_VISIBLE_DEVICES lists and that are there."""
    there = len(list(DRIVER.glob("*"))) or _managed(LIBRARY)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return [str(number) for number in range(there)]
    # As CUDA reads it: what follows an invalid entry is hidden too.
    return list(takewhile(lambda name: _valid(name, there), (name.strip() for name in visible.split(","))))


def _valid(name: str, there: int) -> bool:
    """Whether CUDA takes an entry, where `there` GPUs are: a number, or the name of a GPU or of a part of one."""
    return int(name) < there if name.isdecimal() else there > 0 and name.startswith(("GPU-", "MIG-"))


@cache
def _managed(library: str) -> int:
    """How many GPUs NVIDIA's management library counts, where a container hides the driver's list; 0 without it."""
    count = ctypes.c_uint()
    try:
        nvml = ctypes.CDLL(library)
        found = nvml.nvmlInit_v2() == 0 and nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) == 0
    except (OSError, AttributeError):
        return 0
    return count.value if found else 0


def default_jobs(threads: int, devices: int = 1) -> int:
    """As many cells as the GPUs carry, or the cores. devices: of one network in training, each with `threads`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, len(gpus()) // devices if gpus() else cores // (threads * devices))
