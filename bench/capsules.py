"""Dynamic routing against a vectorised direct transcription of the paper's equations, at the paper's size."""

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from bench.figures import Figure, clocked, compared
from pipeline.models._capsules import DIMENSIONS, Routing

ROUNDS = 7
BATCH, INPUTS, OUTPUTS, ITERATIONS = 64, 1152, 10, 3


class Direct(nn.Module):
    """Sabour et al. 2017, equations 1 and 2 and procedure 1, as they stand, for all capsules at once."""

    def __init__(self, routing: Routing) -> None:
        super().__init__()
        weight = routing.weight.detach().unflatten(2, (OUTPUTS, DIMENSIONS[1])).transpose(1, 2)
        self.weight = nn.Parameter(weight.contiguous())  # (I, K, 8, 16)

    def forward(self, u: Tensor) -> Tensor:
        predicted = (u[:, :, None, None, :] @ self.weight).squeeze(3)  # (N, I, K, 16)
        b = torch.zeros(predicted.shape[:3])
        for iteration in range(ITERATIONS):
            c = b.softmax(dim=2)
            s = (c.unsqueeze(3) * predicted).sum(dim=1)
            squared = s.square().sum(dim=2, keepdim=True)
            v = squared / (1 + squared) * s / squared.sqrt()
            if iteration < ITERATIONS - 1:
                b = b + (predicted * v.unsqueeze(1)).sum(dim=3)
        return v


def measure() -> Iterator[Figure]:
    """Wall seconds of a training step in turn, one thread; peak memory of a step in a process of its own."""
    torch.set_num_threads(1)
    ours, direct, u = _made()
    torch.testing.assert_close(ours(u), direct(u), atol=1e-4, rtol=1e-4)
    pairs = [[clocked(partial(step, module, u))[0][0] for module in (ours, direct)] for _ in range(ROUNDS + 1)][1:]
    mine, theirs = (list(times) for times in zip(*pairs, strict=True))
    yield compared("capsule routing, a training step", "direct transcription", mine, theirs, "s", 1 / 1.5)
    mine, theirs = ([_peak(name) for _ in range(3)] for name in ("ours", "direct"))
    yield compared("capsule routing, peak memory of a step", "direct transcription", mine, theirs, "MB", 0.7)


def step(module: nn.Module, u: Tensor) -> None:
    """Forward and backward of a loss that every output capsule is part of."""
    module.zero_grad()
    module(u).square().sum().backward()


def _made() -> tuple[Routing, Direct, Tensor]:
    torch.manual_seed(0)
    routing = Routing(INPUTS, OUTPUTS, ITERATIONS)
    return routing, Direct(routing), torch.randn(BATCH, INPUTS, DIMENSIONS[0]).requires_grad_()


def resident(what: str) -> float:
    """Megabytes of this process in memory, now (VmRSS) or at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def _peak(name: str) -> float:
    words = [sys.executable, "-m", "bench.capsules", name]
    return float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    torch.set_num_threads(1)
    ours, direct, u = _made()
    torch.ones(300, 300) @ torch.ones(300, 300)  # what the library takes for itself is not counted
    Path("/proc/self/clear_refs").write_text("5")  # Linux: forget the peak so far
    before = resident("VmRSS")
    step(ours if sys.argv[1] == "ours" else direct, u)
    print(resident("VmHWM") - before)
