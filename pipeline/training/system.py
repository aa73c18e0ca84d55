"""The one LightningModule: any network, any task, any recipe.

Lightning's cost is per call of `training_step`, which for a small network is more than the network's own. So a step
here covers many small batches (manual optimization): each still has its own update.
"""

import math
from collections.abc import Iterator
from functools import cached_property, partial
from math import prod
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from pipeline.data.batches import Batches
from pipeline.data.ragged import TOGETHER
from pipeline.tasks._task import Judge
from pipeline.training import optimizers
from pipeline.training.averaging import Average
from pipeline.training.blocks import layer_wise, thaw
from pipeline.training.distributed import Ranks
from pipeline.training.ending import Ending
from pipeline.training.feed import Feed, Share
from pipeline.training.health import Health
from pipeline.training.memory import halving
from pipeline.training.network import Network
from pipeline.training.recipe import Gradient
from pipeline.training.start import Start
from pipeline.training.update import Objective, Update

BLOCK = 1000  # validation items of one forward pass


class Diverged(RuntimeError):
    """The loss is NaN or infinite; training on would be a waste."""


class System(pl.LightningModule):
    """Trains `network` on `train`, watches it on `validation`, keeps a row of `history` per epoch.

    task: the metric by which it is followed, and the loss where neither recipe nor network has one. weight: (K,) class
    weights of the loss, or None. epochs: of the whole run, which the schedule spans. ranks: the processes that train it
    together.
    """

    def __init__(
        self,
        network: Network,
        task: Judge,
        recipe: Gradient,
        train: Batches,
        validation: Batches,
        epochs: int,
        weight: Tensor | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.network, self.task, self.recipe, self.epochs = network, task, recipe, epochs
        self.batches = {"train": train, "validation": validation}
        self.ranks = ranks or Ranks()
        self.feed = Feed(train, network, recipe, self.ranks)
        self.objective = Objective(network, task, recipe, train, weight)
        self.average: Average | None = None
        clips = recipe.gradient_clip is not None or recipe.gradient_clip_value is not None
        self.health = Health(network.body, clips)
        self.ending = Ending(recipe, task.watched, len(train.y), task.direction)
        self.micro_batch = recipe.micro_batch or math.ceil(recipe.batch_size / self.ranks.size)
        # What compares a batch's items with each other is another loss of half of them, or of more.
        self.divisible = not getattr(network.body, "compares", False)
        together = max(1, TOGETHER // prod(train.shape)) if train.kind.ragged else BLOCK
        self.block = min(BLOCK, together) if self.divisible else recipe.batch_size
        self.lr: float | None = None  # of the last update that this process has made
        self.history: list[dict[str, float]] = []
        self.start: Start | None = None
        self.chunk = 0  # of this epoch, the next one to do
        self.sums = torch.zeros(2 + task.states, dtype=torch.float64)  # over this epoch so far: losses, items, state

    @property
    def epoch(self) -> int:
        return len(self.history)

    @property
    def updates(self) -> int:
        """Done so far, of the chunks that are whole."""
        return self.epoch * len(self.batches["train"]) + self.chunk * self.feed.per_chunk

    def configure_optimizers(self) -> Any:
        """And what is made of weights on their device, which Lightning has just moved there."""
        per_epoch = len(self.batches["train"])
        if self.recipe.ema or self.recipe.swa:
            self.average = Average(self.network.body, self.recipe, self.epochs * per_epoch, per_epoch)
        optimizer = optimizers.optimizer(self.network.body, self.recipe)
        if self.start and self.start.layer_decay < 1:
            layer_wise(optimizer, self.network.body, self.start.layer_decay)
        schedule = optimizers.schedule(optimizer, self.recipe, self.epochs * per_epoch)
        return optimizer if schedule is None else ([optimizer], [schedule])

    def train_dataloader(self) -> DataLoader:
        """Numbers of the chunks; the data itself is on the device already."""
        return DataLoader(range(math.ceil(len(self.batches["train"]) / self.feed.per_chunk)), batch_size=None)  # type: ignore[arg-type]

    def val_dataloader(self) -> DataLoader:
        return DataLoader(range(1), batch_size=None)  # type: ignore[arg-type]

    def on_fit_start(self) -> None:
        for batches in self.batches.values():
            batches.to(self.device)
        self.objective.to(self.device)
        for tensor in self.network.state_dict().values():
            self.ranks.as_first(tensor)

    def on_train_epoch_start(self) -> None:
        if self.start and (count := self.start.opened(self.epoch)):
            thaw(self.network.body, count)
        self.feed.begin(self.epoch)

    # what a killed run needs to go on

    @property
    def _parts(self) -> dict[str, Any]:
        """What has a state of its own, by the name that it has in a checkpoint."""
        parts = {"network": self.network, "optimizer": self._optimizer, "schedule": self.lr_schedulers()}
        parts |= {"scaler": self.scaler, "average": self.average, "health": self.health, "ending": self.ending}
        return {name: part for name, part in parts.items() if part is not None}

    def state(self) -> dict[str, Any]:
        """All that training has changed, random generators apart; draws are a function of seed, epoch and chunk."""
        kept = {name: part.state_dict() for name, part in self._parts.items()}
        return kept | {"history": self.history, "chunk": self.chunk, "sums": self.sums}

    def restore(self, state: dict[str, Any]) -> None:
        """An error of any kind, with only some of it taken, where that is not what `state` gave."""
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
        self.history, self.chunk, self.sums = state["history"], int(state["chunk"]), state["sums"].view_as(self.sums)
        if [row["epoch"] for row in self.history] != [*range(self.epoch)]:
            raise ValueError("its history is not that of the first epochs")

    # training

    @cached_property
    def _optimizer(self) -> torch.optim.Optimizer:
        return self.optimizers(use_pl_optimizer=False)  # type: ignore[return-value]

    @cached_property
    def scaler(self) -> torch.amp.GradScaler | None:
        """Of 16-bit gradients, against underflow; None in other precisions."""
        return getattr(self.trainer.precision_plugin, "scaler", None)

    @cached_property
    def update(self) -> Update:
        """Made once all is on its device."""
        return Update(self.objective, self._optimizer, self.scaler, self.ranks, self.health, self.average)

    def training_step(self, chunk: int, _: int) -> None:
        """Updates for the batches of one chunk."""
        if chunk < self.chunk:
            return  # done before the run was killed
        done, schedule = self.updates, self.lr_schedulers()
        shares = self.feed.chunk(chunk)[: self.ending.updates - done]
        found, outputs, limit, lr = [], [], self.micro_batch, 0.0  # a module's own attributes are slow to set
        states: list[Tensor] = []
        for number, share in enumerate(shares, done + 1):
            looks = Health.due(number)
            passes = partial(self.update.gradients, share, looks)
            (loss, scores), limit = halving(passes, limit, self.divisible)
            lr = self.update.step(number, looks)
            if schedule is not None:
                schedule.step()  # type: ignore[union-attr]
            found.append(loss)
            outputs += scores
            if self.feed.train.kind.ragged:  # the scores of all tokens of a chunk may be gigabytes
                states.append(self._state(outputs, [share]))
                outputs = []
        self.micro_batch, self.lr = limit, lr
        self.update.average_statistics()
        state = torch.stack(states).sum(0) if states else self._state(outputs, shares)
        self._count(chunk, torch.stack(found), state, shares)
        self.chunk = chunk + 1
        self.ending.count(done + len(shares))
        self.trainer.should_stop |= self.ending.reason is not None

    def _state(self, outputs: list[Tensor], shares: list[Share]) -> Tensor:
        """The metric's, of the scores of some batches."""
        if not outputs:
            return torch.zeros(self.task.states)
        scores = outputs[0] if len(outputs) == 1 else torch.cat(outputs)  # one has megabytes, of a whole vocabulary
        return self.task.state(scores, torch.cat([self.task.answers(share.y) for share in shares]))

    def _count(self, chunk: int, losses: Tensor, state: Tensor, shares: list[Share]) -> None:
        """Add the chunk to the epoch's sums. Diverged, in all processes at once, where a loss is NaN or infinite."""
        found = torch.cat([losses.cpu().double(), state.cpu().double()])
        self.ranks.add(found)
        losses, state = found.tensor_split([len(losses)])
        finite = losses.isfinite()
        if not finite.all():
            index = int(finite.int().argmin())
            step = self.updates + index
            raise Diverged(f"loss is {losses[index].item()} at step {step}, epoch {self.epoch}")
        sizes = torch.tensor([float(len(share.batch)) for share in shares], dtype=torch.float64)
        self.sums += torch.cat([torch.stack([(losses * sizes).sum(), sizes.sum()]), state])

    # judging

    def validation_step(self, _chunk: int, _: int) -> None:
        """The epoch's row: means over training and validation items, and the rate of the last update."""
        assert self.lr is not None
        row = {"epoch": self.epoch, **self.train_means(), **self.judge(), "lr": self.lr}
        if not math.isfinite(row["validation_loss"]):
            raise Diverged(f"validation loss is {row['validation_loss']} after epoch {self.epoch}")
        self.history.append(row)
        self.chunk, self.sums = 0, torch.zeros_like(self.sums)
        schedule = self.lr_schedulers()
        if isinstance(schedule, optimizers.Plateau):
            schedule.judge(row["validation_loss"])
        self.ending.judge(row, self._judged_body)
        self.trainer.should_stop |= self.ending.reason is not None

    @property
    def _judged_body(self) -> nn.Module:
        """The averaged network, where its batch-norm statistics follow; else the one that is trained."""
        return self.average.of(self.network.body) if self.average and self.recipe.ema else self.network.body

    def train_means(self) -> dict[str, float]:
        loss, items, *state = self.sums.tolist()
        y = self.batches["train"].y
        seen = self.task.answers(y if items == len(y) else y.index_select(0, self.feed.order[: int(items)]))
        return {"train_loss": loss / items, f"train_{self.task.watched}": self.task.value(state, seen)}

    def judge(self) -> dict[str, float]:
        """The same of the validation items.

        Each block of them is one process's, so that no item is seen twice, and the numbers are those of one process to
        the bit.
        """
        items = self.batches["validation"]
        size = min(BLOCK, self.recipe.batch_size) if items.kind.ragged else BLOCK  # padded to the longest of a block
        y, count = self.task.answers(items.y), -(-len(items.y) // size)
        sums = torch.zeros(count, 1 + self.task.states, dtype=torch.float64)
        for index in range(self.ranks.rank, count, self.ranks.size):
            block = items.part(index * size, size), items.targets(index * size, size)
            found, self.block = halving(partial(self._judged, *block), self.block, self.divisible)
            sums[index] = found
        self.ranks.add(sums)
        loss, *state = (math.fsum(column) for column in sums.T.tolist())
        return {"validation_loss": loss / len(y), f"validation_{self.task.watched}": self.task.value(state, y)}

    def _judged(self, x: Tensor, y: Tensor, limit: int) -> Tensor:
        """Sums over items (N, ...), of which `limit` go through the network at once: losses, and the metric's state."""
        sums = torch.zeros(1 + self.task.states, dtype=torch.float64)
        for inputs, labels in zip(x.split(limit), y.split(limit), strict=True):
            mean, scores = self.objective.loss(self._judged_body, self.network.prepare(inputs), labels)
            answers = self.task.answers(labels)
            sums += torch.cat([mean.double()[None] * len(answers), self.task.state(scores, answers).double()]).cpu()
        return sums

    @torch.no_grad()
    def on_train_end(self) -> None:
        """The weights that the run ends with: the last ones, the best epoch's, or an average."""
        body = self.network.body
        if self.ending.weights is not None:
            body.load_state_dict(self.ending.weights)
        elif self.average is not None:
            if self.recipe.swa:
                self.average.refresh(self._inputs())
                self.update.average_statistics()  # each process drew its own noise
            body.load_state_dict(self.average.of(body).state_dict())
            self.network.eval()
            self.history[-1] |= self.judge()  # of swa the rows before are of the weights that it averages
        if self.start and self.start.train == "lora":
            from pipeline.training import lora  # seconds, which only those who ask for it pay

            lora.merge(body)

    def _inputs(self) -> Iterator[Tensor]:
        """All training items, prepared, in batches of their own order."""
        return (self.network.prepare(x) for x in self.batches["train"].parts(self.recipe.batch_size))
