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
    a small network's step is few kernels with nothing between them; where torch can't look into the network, as into an
    LSTM, the passes are compiled as far as it can. backward: instead of torch's own; it is never looked into.
    """
    if not compile:
        return _passes(objective, backward)
    # A run has batches of two sizes, the last is smaller. Code for any size would be slow.
    parts = _passes(torch.compile(objective, dynamic=False), backward)
    if backward is not None:
        return parts
    torch._dynamo.config.trace_autograd_ops = True  # or the graph ends where `backward` is called
    # With a graph in pieces, torch 2.15 loses the gradients without a word: all in one, or an error.
    whole = torch.compile(_passes(objective, None), dynamic=False, fullgraph=True)

    def run(*batch: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal whole
        try:
            return whole(*batch)
        except torch._dynamo.exc.Unsupported:
            whole = parts
            return whole(*batch)

    return run


def _passes(objective: Objective, backward: Callable[[Tensor], Any] | None) -> Gradients:
    def run(*batch: Tensor) -> tuple[Tensor, Tensor]:
        minimised, loss, scores = objective(*batch)
        if backward is None:
            minimised.backward()
        else:
            backward(minimised)
        return loss.detach(), scores.detach()

    return run
