"""What makes a run repeatable: one start of every random generator, a state that can be kept, the same arithmetic."""

import os
import random
from typing import Any

import numpy as np
import torch


def seed(seed: int, rank: int = 0) -> None:
    """One start for all of them. rank: of a process among several, each of which has noise of its own."""
    if rank:
        seed = int(np.random.SeedSequence([seed, rank]).generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def seed_everything(number: int, threads: int) -> None:
    """Start every random generator with this seed, and have the same arithmetic wherever the cell runs."""
    seed(number)
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    if torch.cuda.is_available():
        _repeatable()


def _repeatable() -> None:
    """On a GPU, the same arithmetic in each run, in full precision; where torch has no such kernel it warns.

    Before the first use of the GPU, since cuBLAS reads its workspace's size then.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling new memory helps debugging, and costs a pass each time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    torch.backends.cudnn.allow_tf32 = False  # torch's default; a recipe may ask for it
    torch.backends.cuda.enable_mem_efficient_sdp(False)  # its backward pass adds up in any order
    torch.backends.cuda.enable_cudnn_sdp(False)


def torch_state() -> list[torch.Tensor]:
    """Of the generators of tensors alone: a microsecond where there is no GPU, so it can be asked at every batch."""
    cuda = [torch.cuda.get_rng_state()] if torch.cuda.is_initialized() else []
    return [torch.get_rng_state(), *cuda]


def restore_torch(state: list[torch.Tensor]) -> None:
    torch.set_rng_state(state[0])
    for cuda in state[1:]:
        torch.cuda.set_rng_state(cuda)


def state() -> dict[str, Any]:
    """All states, as what `torch.load` takes with `weights_only`."""
    numpy: Any = np.random.get_state(legacy=False)
    numpy = {**numpy, "state": {**numpy["state"], "key": torch.from_numpy(numpy["state"]["key"].astype(np.int64))}}
    return {"python": random.getstate(), "numpy": numpy, "torch": torch_state()}


def restore(state: dict[str, Any]) -> None:
    random.setstate(state["python"])
    numpy = state["numpy"]
    key = numpy["state"]["key"].numpy().astype(np.uint32)
    np.random.set_state({**numpy, "state": {**numpy["state"], "key": key}})
    restore_torch(state["torch"])
