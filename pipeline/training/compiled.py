"""One batch's loss and gradients, as plain calls or as one compiled graph."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Objective = Callable[..., tuple[Tensor, Tensor, Tensor]]
Gradients = Callable[..., tuple[Tensor, Tensor]]


def gradients(objective: Objective, compile: bool, backward: Callable[[Tensor], Any] | None = None) -> Gradients:
    """What leaves a batch's gradients in `.grad` of the parameters, which have to be None, and returns (loss, scores).

    objective: of the batch, (what is minimised, loss, scores). compile: forward and backward pass in one graph, so that
    a small network's step is few kernels with nothing between them. backward: instead of torch's own; it can't be
    looked into, so only the objective is compiled.
    """
    if compile and backward is not None:
        objective = torch.compile(objective)

    def run(*batch: Tensor) -> tuple[Tensor, Tensor]:
        minimised, loss, scores = objective(*batch)
        if backward is None:
            minimised.backward()
        else:
            backward(minimised)
        return loss.detach(), scores.detach()

    if not compile or backward is not None:
        return run
    torch._dynamo.config.trace_autograd_ops = True  # or the graph ends where `backward` is called
    # A run has batches of two sizes, the last is smaller. Code for any size would be slow.
    return torch.compile(run, dynamic=False)
