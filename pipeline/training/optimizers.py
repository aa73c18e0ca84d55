"""torch's optimizers and schedules, built from a recipe."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LinearLR, LRScheduler, OneCycleLR, ReduceLROnPlateau

from pipeline.training.bayesian import BayesianLinear
from pipeline.training.recipe import Gradient
from pipeline.training.weights import layers


def optimizer(body: nn.Module, recipe: Gradient) -> torch.optim.Optimizer:
    """Of all parameters of `body`; ValueError where muon finds no matrix that is its own.

    Fused, one kernel for all parameters of a group instead of a loop over them, where torch has such a kernel.
    """
    if recipe.optimizer == "muon":
        return Muon(body, recipe)
    kind: Any
    options: dict[str, Any]
    kind, options = {
        "sgd": (torch.optim.SGD, {"momentum": recipe.momentum, "nesterov": recipe.nesterov and recipe.momentum > 0}),
        "adam": (torch.optim.Adam, {}),
        "adamw": (torch.optim.AdamW, {}),
        "rmsprop": (torch.optim.RMSprop, {"momentum": recipe.momentum}),
        "adagrad": (torch.optim.Adagrad, {}),
    }[recipe.optimizer]
    alone = {"adagrad"} if next(body.parameters()).is_cuda else set()  # not fused there before torch 2.15
    kernel = "foreach" if recipe.optimizer in {"rmsprop"} | alone else "fused"
    of = groups(body.parameters(), recipe.weight_decay)
    return kind(of, recipe.lr, weight_decay=recipe.weight_decay, **options, **{kernel: True})  # type: ignore[no-any-return]


def groups(parameters: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Weights, which decay, apart from biases and the gains of norms, (C,), which do not.

    They are few, no function grows rougher by them, and a gain pulled towards zero only slows the layer behind it
    (Goyal et al. 2017, section 5.3; He et al. 2019: Bag of tricks, section 3.1).
    """
    every = list(parameters)
    weights, others = [p for p in every if p.ndim > 1], [p for p in every if p.ndim < 2]
    if not weight_decay or not others or not weights:
        return [{"params": every, "weight_decay": weight_decay if weights else 0.0}]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


class Muon(torch.optim.Optimizer):
    """torch's Muon for the matrices of hidden layers and its AdamW for all else, as one optimizer.

    Jordan et al. (2024): Muon: an optimizer for hidden layers in neural networks. Its steps are scaled to the size of
    AdamW's (Liu et al. 2025: Muon is scalable for LLM training, section 2.2), so that both share a learning rate and a
    decay. AdamW has the last dense layer, embeddings, biases, norms, and convolutions, since torch's Muon takes
    matrices only; the gates of a recurrent layer are one matrix.
    """

    def __init__(self, body: nn.Module, recipe: Gradient) -> None:
        matrices = hidden_matrices(body)
        if not matrices:
            raise ValueError("optimizer 'muon' finds no dense or recurrent layer but the last one; use adamw")
        mine = {id(p) for p in matrices}
        rest = groups((p for p in body.parameters() if id(p) not in mine), recipe.weight_decay)
        self.parts = (
            torch.optim.Muon(
                matrices,
                recipe.lr,
                recipe.weight_decay,
                recipe.momentum,
                recipe.nesterov,
                adjust_lr_fn="match_rms_adamw",
            ),
            torch.optim.AdamW(rest, recipe.lr, weight_decay=recipe.weight_decay, fused=True),
        )
        super().__init__([group for part in self.parts for group in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        """The parts step what this object holds: its groups, which schedules change, and its state, which is saved."""
        counts = [len(part.param_groups) for part in self.parts]
        self.parts[0].param_groups, self.parts[1].param_groups = (
            self.param_groups[: counts[0]],
            self.param_groups[counts[0] :],
        )
        for part in self.parts:
            part.state = self.state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """What `load_state_dict` ends with."""
        super().__setstate__(state)
        self._share()

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for part in self.parts:
            part.step()


def hidden_matrices(body: nn.Module) -> list[nn.Parameter]:
    """Weights (units, inputs) of all dense and recurrent layers but the last dense one."""
    found = list(layers(body))
    last = [layer for layer, _ in found if isinstance(layer, nn.Linear | BayesianLinear)][-1:]
    return [p for layer, weights in found if layer not in last for p in weights if p.ndim == 2]


def schedule(optimizer: torch.optim.Optimizer, recipe: Gradient, updates: int) -> LRScheduler | None:
    """Learning rate over a run of `updates` steps, to be stepped after each; None where it is constant.

    All but one_cycle rise linearly first, to `lr` at the update that is `warmup` of the run, and follow their own form
    over what is left. A Plateau has to be told the validation loss of each epoch.
    """
    if recipe.schedule == "one_cycle":
        if updates < 2:
            return None
        share = min(1.0, max(recipe.warmup, 2 / updates))  # torch divides by zero where the rise is one step
        rates = [group["lr"] for group in optimizer.param_groups]
        return OneCycleLR(optimizer, rates, updates, pct_start=share, cycle_momentum=False)
    rise = round(recipe.warmup * updates)
    if recipe.schedule == "plateau":
        return Plateau(optimizer, recipe, rise)
    if recipe.schedule == "constant" and not rise:
        return None

    def factor(update: int) -> float:
        if update < rise:
            return (update + 1) / (rise + 1)
        return _factor(recipe, update - rise, max(1, updates - rise), updates)

    return LambdaLR(optimizer, factor)


def _factor(recipe: Gradient, step: int, steps: int, updates: int) -> float:
    """Share of `lr` at `step` of the `steps` after the rise: torch's schedulers in closed form.

    One LambdaLR of it costs what a SequentialLR of two of them does (4.8 and 5.0 microseconds a step), and all that it
    has to remember is the update.
    """
    done, low = min(1.0, step / steps), recipe.lr_final
    if recipe.schedule == "step":
        return recipe.step_factor ** (step // max(1, round(recipe.step_every * updates)))
    if recipe.schedule == "exponential":
        return low**done
    if recipe.schedule == "polynomial":
        return low + (1 - low) * (1 - done) ** recipe.power
    if recipe.schedule == "cosine":
        place = step * recipe.cycles % steps / steps if step < steps else 1.0  # in its cycle
        return low + (1 - low) * (1 + math.cos(math.pi * place)) / 2
    if recipe.schedule == "inverse_sqrt":
        top = updates - steps + 1  # the number of the update that has `lr`, from 1
        return math.sqrt(top / (top + step))
    return 1.0


class Plateau(LinearLR):
    """A linear rise, and torch's ReduceLROnPlateau: each changes the rate by a factor."""

    def __init__(self, optimizer: torch.optim.Optimizer, recipe: Gradient, rise: int) -> None:
        super().__init__(optimizer, 1 / (rise + 1), total_iters=rise)
        patience = recipe.plateau_epochs - 1  # torch's is the number that is let pass
        self.plateau = ReduceLROnPlateau(
            optimizer, factor=recipe.step_factor, patience=patience, threshold=0.0, eps=0.0
        )

    def judge(self, loss: float) -> None:
        """Once an epoch: the validation loss decides on a step."""
        self.plateau.step(loss)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "plateau": self.plateau.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.plateau.load_state_dict(state_dict["plateau"])
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "plateau"})
