"""Every random generator that training may draw from: one start, and a state that can be kept."""

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
