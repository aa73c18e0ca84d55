"""What this machine has for cells: its GPUs and cores, found without an import of torch."""

import os
from pathlib import Path


def gpus() -> list[str]:
    """Numbers of the GPUs that cells may use."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        listed = [v.strip() for v in visible.split(",")]
        hidden = next((i for i, v in enumerate(listed) if not v or v.startswith("-")), len(listed))
        return listed[:hidden]  # as CUDA reads it: what follows an invalid entry is hidden too
    found = Path("/proc/driver/nvidia/gpus")
    return [str(i) for i, _ in enumerate(sorted(found.iterdir()))] if found.is_dir() else []


def default_jobs(threads: int, devices: int = 1) -> int:
    """As many cells as the GPUs carry, or the cores. devices: of one network in training, each with `threads`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, len(gpus()) // devices if gpus() else cores // (threads * devices))
