"""Averages of the weights that training passes through, kept beside the network by torch's AveragedModel."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from pipeline.training.recipe import Gradient


class Average:
    """A recipe's `ema` or `swa` of `body`, over a run of `updates`, `per_epoch` in an epoch.

    ema: Polyak & Juditsky (1992) with exponential weights, after every update; batch-norm statistics are averaged
    likewise. The decay of update t, from 0, is at most (1 + t) / (10 + t), as TensorFlow's ExponentialMovingAverage has
    it with `num_updates`: with a constant 0.999, half of what a run of 700 updates keeps were its first weights.
    swa: Izmailov et al. (2018), algorithm 1 with a cycle of an epoch: the plain mean of the weights at the ends of
    epochs, from the share 1 - swa of the run on, the first of them included. Batch-norm statistics are no mean of
    statistics: `refresh` computes them.

    Made when `body` is on its device; it is no module, so that its state stays apart from the network's.
    """

    def __init__(self, body: nn.Module, recipe: Gradient, updates: int, per_epoch: int) -> None:
        self.decay, self.done = recipe.ema, 0
        if self.decay:
            self.every, self.start = 1, 0.0
            self.averaged = AveragedModel(body, multi_avg_fn=self._ema, use_buffers=True)
        else:
            self.every, self.start = per_epoch, (1 - recipe.swa) * updates - 1e-6  # what is no more than rounding
            self.averaged = AveragedModel(body)
        self.averaged.eval()

    def _ema(self, averaged: Any, current: Any, count: Any) -> None:
        decay = min(self.decay, (1 + self.done) / (10 + self.done))
        get_ema_multi_avg_fn(decay)(averaged, current, count)

    def update(self, body: nn.Module, step: int) -> None:
        """After the optimizer's step number `step` of the run, from 1."""
        if step >= self.start and step % self.every == 0:
            self.averaged.update_parameters(body)
            self.done += 1

    def of(self, body: nn.Module) -> nn.Module:
        """The averaged network, in eval mode; `body` itself before there is anything to average."""
        return self.averaged.module if self.done else body

    def refresh(self, batches: Iterable[Tensor]) -> None:
        """Batch-norm statistics of the averaged weights, by a pass over prepared inputs (N, ...) of the training data.

        In training mode, so that what drops out draws random numbers; nothing happens where there is no batch norm.
        """
        update_bn(batches, self.averaged)

    def state_dict(self) -> dict[str, Any]:
        return {"done": self.done, "averaged": self.averaged.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.done = state["done"]
        self.averaged.load_state_dict(state["averaged"])
