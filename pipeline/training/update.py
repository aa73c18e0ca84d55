"""One update: what is minimised over a batch, and the way from this process's share of it to new weights.

It is the update of a whole batch, however it is computed: by several processes (`pipeline.training.distributed`), each
of which takes a share, in micro-batches where memory asks for them. What is batch-normalised sees only the micro-batch,
as everywhere; its running statistics are averaged over processes.
"""

import math
from collections.abc import Callable
from functools import cached_property
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pipeline.data.batches import Batches
from pipeline.tasks._task import Judge
from pipeline.training import compiled, regularizers
from pipeline.training.averaging import Average
from pipeline.training.bayesian import divergence
from pipeline.training.distributed import Ranks
from pipeline.training.feed import Share
from pipeline.training.health import Health, norm_of
from pipeline.training.memory import micro_batches
from pipeline.training.network import Network
from pipeline.training.recipe import Gradient


class Objective:
    """What is minimised over the body of `network`: a loss, penalties and, of Bayesian layers, a divergence.

    task: has the loss where neither recipe nor network has one. train: all training items. weight: (K,) class weights
    of the loss, or None.
    """

    def __init__(self, network: Network, task: Judge, recipe: Gradient, train: Batches, weight: Tensor | None) -> None:
        self.network, self.task, self.recipe, self.train, self.weight = network, task, recipe, train, weight
        self.own_loss = recipe.loss == "default" and hasattr(network.body, "training_loss")
        if not self.own_loss or recipe.mixup or recipe.cutmix:
            self.criterion = task.loss_of(recipe)
        self.bayesian = recipe.last_layer == "bayesian"
        self.regularizer = regularizers.Regularizer(network.body, recipe)

    def to(self, device: torch.device) -> None:
        self.weight = None if self.weight is None else self.weight.to(device)

    def loss(
        self, body: nn.Module, x: Tensor, y: Tensor, weight: Tensor | None = None, smoothing: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """(mean loss, scores) of prepared inputs: by the recipe's loss, else the network's own, else the task's."""
        if self.own_loss:
            loss, scores = body.training_loss(x, y)  # type: ignore[operator]
            return loss, self.task.scored(scores, y)
        scores = self.task.scored(self.task.forward(body, x, y), y)
        return self.criterion(scores, self.task.answers(y), weight, smoothing), scores

    def minimised(
        self, x: Tensor, y: Tensor, partner_labels: Tensor | None, own: Tensor | None, share: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(what is minimised, mean loss, scores) of prepared inputs; share: of the batch that they are, None for 1."""
        body, weight, smoothing = self.network.body, self.weight, self.recipe.label_smoothing
        loss, scores = self.loss(body, x, y, weight, smoothing)
        if partner_labels is not None:
            other = self.criterion(scores, partner_labels, weight, smoothing)
            loss = own * loss + (1 - own) * other  # type: ignore[operator]
        whole, penalty = loss, self.regularizer.penalty()
        if self.bayesian:
            whole = whole + divergence(body) / len(self.train.y)
        if penalty is not None:
            whole = whole + penalty
        return (whole, loss, scores) if share is None else (whole * share, loss * share, scores)

    def mass(self, y: Tensor) -> Tensor:
        """What a mean over these items is divided by: the number of answers, or the sum of their classes' weights."""
        y = self.task.answers(y)
        return torch.full((), float(len(y)), device=y.device) if self.weight is None else self.weight[y].sum()


class Update:
    """Made when the network is on its device. scaler: of 16-bit gradients, against underflow; None in other precisions.

    average: of the weights, or None. health: what looks at some of the updates.
    """

    def __init__(
        self,
        objective: Objective,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler | None,
        ranks: Ranks,
        health: Health,
        average: Average | None,
    ) -> None:
        self.objective, self.optimizer, self.scaler = objective, optimizer, scaler
        self.ranks, self.health, self.average = ranks, health, average
        self.network, self.recipe, self.clips = objective.network, objective.recipe, health.clipped
        self.trained = [p for group in optimizer.param_groups for p in group["params"]]

    def gradients(self, share: Share, looks: bool, micro_batch: int) -> tuple[Tensor, list[Tensor]]:
        """Backward passes over this process's share of a batch.

        Each micro-batch weighs as much as it is of the batch, so that they add up to the mean over the batch. Returns
        what they add to its loss, and their scores. looks: whether this update's health is looked at.
        """
        self.optimizer.zero_grad()
        if looks:
            self.health.begin()
        if self.ranks.size == 1 and len(share.y) <= micro_batch:
            run = self._plain if looks else self._whole  # what is compiled calls no hooks
            loss, scores = run(share.x, share.y, share.partner_labels, share.own, None)
            return loss, [scores]
        mass = self.objective.mass
        whole = mass(self.objective.train.y.index_select(0, share.batch))
        loss = torch.zeros((), device=share.y.device)
        outputs: list[Tensor] = []
        for x, y, partner_labels in micro_batches(share, micro_batch):
            run = self._plain if looks else self._part
            part, scores = run(x, y, partner_labels, share.own, mass(y) / whole)
            loss += part
            outputs.append(scores)
        return loss, outputs

    @cached_property
    def _backward(self) -> Callable[[Tensor], Any]:
        scaler = self.scaler
        return Tensor.backward if scaler is None else lambda loss: scaler.scale(loss).backward()

    @cached_property
    def _plain(self) -> compiled.Gradients:
        return compiled.gradients(self.objective.minimised, False, self._backward)

    @cached_property
    def _whole(self) -> compiled.Gradients:
        """Of a batch in one pass."""
        backward = self._backward if self.scaler else None
        return compiled.gradients(self.objective.minimised, self.recipe.compile, backward)

    @cached_property
    def _part(self) -> compiled.Gradients:
        """Of a micro-batch, whose gradients add to those that are there."""
        return compiled.gradients(self.objective.minimised, self.recipe.compile, self._backward)

    def step(self, number: int, looks: bool) -> float:
        """From gradients of this process's share to new weights, by the run's update of this number, from 1.

        Returns the learning rate that it had.
        """
        if self.ranks.size > 1:
            self._add_gradients()
        if self.scaler and (self.clips or looks):
            self.scaler.unscale_(self.optimizer)
        if looks:
            self.health.gradients()
            norm = norm_of(p.grad for p in self.trained if p.grad is not None)
        if self.clips:
            regularizers.clip(self.trained, self.recipe)
        lr: float = self.optimizer.param_groups[0]["lr"]
        if self.scaler:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        else:
            self.optimizer.step()
        self.objective.regularizer.project(lr)
        if self.average is not None:
            self.average.update(self.network.body, number)
        if looks and (self.scaler is None or math.isfinite(norm)):  # else the scaler has skipped the update, as it may
            self.health.end(number, norm)
        return lr

    def _add_gradients(self) -> None:
        """Sums over processes, all in one message. A process whose share was empty adds zeros."""
        parameters = [p for p in self.network.body.parameters() if p.requires_grad]
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [p.grad for p in parameters if p.grad is not None]
        message = torch.cat([g.flatten() for g in gradients])
        self.ranks.add(message)
        for gradient, summed in zip(gradients, message.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(summed.view(gradient.shape))  # in its own order of memory, which fused optimizers need

    def average_statistics(self) -> None:
        """Running means, and moving averages of them, are linear: averaged once a chunk, they are what they were if
        averaged at each batch."""
        if self.ranks.size > 1:
            averaged = [self.average.averaged] if self.average else []
            for module in chain.from_iterable(body.modules() for body in (self.network.body, *averaged)):
                if isinstance(module, _BatchNorm):
                    for statistic in (module.running_mean, module.running_var):
                        if statistic is not None:
                            self.ranks.add(statistic.div_(self.ranks.size))
