"""The one LightningModule: any network, any task, any recipe.

Lightning's cost is per call of `training_step`, which for a small network is more than the network's own. So a step
here covers many small batches (manual optimization): each still has its own update.
"""

import math
from collections.abc import Callable
from functools import cached_property
from types import ModuleType
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from pipeline.data.batches import Batches
from pipeline.training import optimizers
from pipeline.training.bayesian import divergence
from pipeline.training.blocks import layer_wise, thaw
from pipeline.training.network import Network
from pipeline.training.recipe import Gradient
from pipeline.training.start import Start

CHUNK_VALUES = 2**20  # gathered and scaled at once: 4 MB, so that a batch is still in the cache when its turn comes


class Diverged(RuntimeError):
    """The loss is no finite number; training on would be a waste."""


class System(pl.LightningModule):
    """Trains `network` on `train`, watches it on `validation`, keeps a row of `history` per epoch.

    task: a module of `pipeline.tasks`. weight: (K,) class weights of the loss, or None. epochs: of the whole run, which
    the schedule spans.
    """

    def __init__(
        self,
        network: Network,
        task: ModuleType,
        recipe: Gradient,
        train: Batches,
        validation: Batches,
        epochs: int,
        weight: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.network, self.task, self.recipe, self.epochs = network, task, recipe, epochs
        self.bayesian = recipe.last_layer == "bayesian"
        self.batches = {"train": train, "validation": validation}
        self.weight: Tensor | None
        self.register_buffer("weight", weight, persistent=False)
        self.own_loss = getattr(network.body, "training_loss", None)
        self.per_chunk = max(1, CHUNK_VALUES // (recipe.batch_size * train.x[0].numel()))
        self.history: list[dict[str, float]] = []
        self.start: Start | None = None

    def configure_optimizers(self) -> Any:
        optimizer = optimizers.optimizer(self.network.body.parameters(), self.recipe)
        if self.start:
            layer_wise(optimizer, self.network.body, self.start.layer_decay)
        schedule = optimizers.schedule(optimizer, self.recipe, self.epochs * len(self.batches["train"]))
        return optimizer if schedule is None else ([optimizer], [schedule])

    def train_dataloader(self) -> DataLoader:
        """Numbers of the chunks; the data itself is on the device already."""
        return DataLoader(range(math.ceil(len(self.batches["train"]) / self.per_chunk)), batch_size=None)  # type: ignore[arg-type]

    def val_dataloader(self) -> DataLoader:
        return DataLoader(range(1), batch_size=None)  # type: ignore[arg-type]

    def on_fit_start(self) -> None:
        for batches in self.batches.values():
            batches.to(self.device)

    @property
    def scaled(self) -> bool:
        """Whether 16-bit gradients are scaled against underflow."""
        return self.trainer.precision == "16-mixed"

    def on_train_epoch_start(self) -> None:
        if self.start and self.start.train == "gradual":
            thaw(self.network.body, self.current_epoch + 1)
        self.order = self.batches["train"].order(self.current_epoch)
        self.sums = torch.zeros(2, dtype=torch.float64)

    def training_step(self, chunk: int, _: int) -> None:
        """Updates for the batches of one chunk."""
        train, size = self.batches["train"], self.recipe.batch_size
        chosen = self.order[chunk * self.per_chunk * size : (chunk + 1) * self.per_chunk * size]
        x, y = self.network.prepare(train.x.index_select(0, chosen)), train.y.index_select(0, chosen)
        schedule = self.lr_schedulers()
        losses, outputs = [], []
        for inputs, labels in zip(x.split(size), y.split(size), strict=True):
            loss, scores = self.loss(inputs, labels, self.weight, self.recipe.label_smoothing)
            self._update(loss + divergence(self.network.body) / len(train.y) if self.bayesian else loss)
            if schedule is not None:
                schedule.step()  # type: ignore[union-attr]
            losses.append(loss.detach())
            outputs.append(scores.detach())
        self._count(chunk, torch.stack(losses), torch.cat(outputs), y)

    def _update(self, loss: Tensor) -> None:
        """One optimizer step. Lightning's wrappers are needed, and paid for, only where gradients are scaled."""
        optimizer = self.optimizers(use_pl_optimizer=self.scaled)
        optimizer.zero_grad()  # type: ignore[union-attr]
        if self.scaled:
            self.manual_backward(loss)
        else:
            loss.backward()
        if self.recipe.gradient_clip:
            self.clip_gradients(optimizer, self.recipe.gradient_clip, "norm")  # type: ignore[arg-type]
        self.lr = optimizer.param_groups[0]["lr"]  # type: ignore[union-attr]
        optimizer.step()  # type: ignore[union-attr]

    def _count(self, chunk: int, losses: Tensor, outputs: Tensor, y: Tensor) -> None:
        finite = losses.isfinite()
        if not finite.all():
            step = len(self.batches["train"]) * self.current_epoch + chunk * self.per_chunk + int(finite.int().argmin())
            value = losses[int(finite.int().argmin())].item()
            raise Diverged(f"loss is {value} at step {step}, epoch {self.current_epoch}")
        sizes = torch.full_like(losses, self.recipe.batch_size)
        sizes[-1] = len(y) - self.recipe.batch_size * (len(losses) - 1)
        self.sums += torch.stack([(losses * sizes).sum(), self.task.tally(outputs, y)]).cpu()

    def validation_step(self, _chunk: int, _: int) -> None:
        """The epoch's row: means over training and validation items, and the rate of the last update."""
        row = {"epoch": self.current_epoch, **self.train_means(), **self.judge(), "lr": self.lr}
        if not math.isfinite(row["validation_loss"]):
            raise Diverged(f"validation loss is {row['validation_loss']} after epoch {self.current_epoch}")
        self.history.append(row)

    @cached_property
    def _run(self) -> Callable[..., Any]:
        """The network, or its own loss, as it is called in training."""
        call = self.own_loss or self.network.body
        return torch.compile(call) if self.recipe.compile else call

    def loss(self, x: Tensor, y: Tensor, weight: Tensor | None = None, smoothing: float = 0.0) -> tuple[Tensor, Tensor]:
        """(mean loss, scores) of prepared inputs: by the network's own loss where it has one, else by the task's."""
        if self.own_loss:
            return self._run(x, y)  # type: ignore[no-any-return]
        scores = self._run(x)
        return self.task.loss(scores, y, weight, smoothing), scores

    def train_means(self) -> dict[str, float]:
        loss, tally = self.sums.tolist()
        y = self.batches["train"].y
        return {"train_loss": loss / len(y), f"train_{self.task.METRIC}": self.task.metric(tally, y)}

    def judge(self) -> dict[str, float]:
        """The same of the validation items."""
        x, y = self.batches["validation"].x, self.batches["validation"].y
        loss = tally = 0.0
        for inputs, labels in zip(x.split(1000), y.split(1000), strict=True):
            mean, scores = self.loss(self.network.prepare(inputs), labels)
            loss += mean.item() * len(labels)
            tally += self.task.tally(scores, labels).item()
        return {"validation_loss": loss / len(y), f"validation_{self.task.METRIC}": self.task.metric(tally, y)}
