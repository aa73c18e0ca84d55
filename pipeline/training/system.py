"""The one LightningModule: any network, any task, any recipe.

Lightning's cost is per call of `training_step`, which for a small network is more than the network's own. So a step
here covers many small batches (manual optimization): each still has its own update.

An update is that of a whole batch, however it is computed: by several processes (`pipeline.training.distributed`), each
of which takes a share, in micro-batches where memory asks for them. What is batch-normalised sees only the micro-batch,
as everywhere; its running statistics are averaged over processes.
"""

import math
from collections.abc import Callable
from functools import cached_property, partial
from types import ModuleType
from typing import Any, TypeVar

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

from pipeline.data.batches import Batches
from pipeline.training import optimizers, randomness
from pipeline.training.bayesian import divergence
from pipeline.training.distributed import Ranks
from pipeline.training.network import Network
from pipeline.training.recipe import Gradient

CHUNK_VALUES = 2**20  # gathered and scaled at once: 4 MB, so that a batch is still in the cache when its turn comes
BLOCK = 1000  # validation items of one forward pass
Result = TypeVar("Result")


class Diverged(RuntimeError):
    """The loss is no finite number; training on would be a waste."""


class System(pl.LightningModule):
    """Trains `network` on `train`, watches it on `validation`, keeps a row of `history` per epoch.

    task: a module of `pipeline.tasks`. weight: (K,) class weights of the loss, or None. epochs: of the whole run, which
    the schedule spans. ranks: the processes that train it together.
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
        ranks: Ranks | None = None,
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
        self.ranks = ranks or Ranks()
        self.micro_batch = recipe.micro_batch or math.ceil(recipe.batch_size / self.ranks.size)
        self.block = BLOCK
        self.history: list[dict[str, float]] = []
        self.chunk = 0  # of this epoch, the next one to do
        self.sums = torch.zeros(2, dtype=torch.float64)  # over this epoch's items so far: losses, and the task's tally

    @property
    def epoch(self) -> int:
        return len(self.history)

    def configure_optimizers(self) -> Any:
        optimizer = optimizers.optimizer(self.network.body, self.recipe)
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
        for tensor in self.network.state_dict().values():
            self.ranks.as_first(tensor)

    def on_train_epoch_start(self) -> None:
        self.order = self.batches["train"].order(self.epoch)

    # what a killed run needs to go on

    def state(self) -> dict[str, Any]:
        """All that training has changed, random generators apart; the data order is a function of seed and epoch."""
        optimizer, schedule = self._optimizer, self.lr_schedulers()
        return {
            "network": self.network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict() if schedule else None,  # type: ignore[union-attr]
            "scaler": self.scaler.state_dict() if self.scaler else None,
            "history": self.history,
            "chunk": self.chunk,
            "sums": self.sums,
        }

    def restore(self, state: dict[str, Any]) -> None:
        schedule = self.lr_schedulers()
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        if schedule:
            schedule.load_state_dict(state["schedule"])  # type: ignore[union-attr]
        if self.scaler:
            self.scaler.load_state_dict(state["scaler"])
        self.history, self.chunk, self.sums = state["history"], state["chunk"], state["sums"]

    # training

    @cached_property
    def _optimizer(self) -> torch.optim.Optimizer:
        return self.optimizers(use_pl_optimizer=False)  # type: ignore[return-value]

    @cached_property
    def scaler(self) -> torch.amp.GradScaler | None:
        """Of 16-bit gradients, against underflow; None in other precisions."""
        return getattr(self.trainer.precision_plugin, "scaler", None)

    def training_step(self, chunk: int, _: int) -> None:
        """Updates for the batches of one chunk."""
        if chunk < self.chunk:
            return  # done before the run was killed
        train, size = self.batches["train"], self.recipe.batch_size
        batches = self.order[chunk * self.per_chunk * size : (chunk + 1) * self.per_chunk * size].split(size)
        shares = [self._share(batch) for batch in batches]
        mine, sizes = torch.cat(shares), [len(share) for share in shares]
        x, y = self.network.prepare(train.x.index_select(0, mine)), train.y.index_select(0, mine)
        schedule = self.lr_schedulers()
        losses, outputs = [], []
        for batch, inputs, labels in zip(batches, x.split(sizes), y.split(sizes), strict=True):
            passes = partial(self._gradients, batch, inputs, labels)
            (loss, scores), self.micro_batch = halving(passes, self.micro_batch)
            self._update()
            if schedule is not None:
                schedule.step()  # type: ignore[union-attr]
            losses.append(loss)
            outputs += scores
        self._average_statistics()
        self._count(chunk, torch.stack(losses), outputs, y)
        self.chunk = chunk + 1

    def _share(self, batch: Tensor) -> Tensor:
        """This process's part of the indices of a batch; it may be empty."""
        return batch if self.ranks.size == 1 else batch.tensor_split(self.ranks.size)[self.ranks.rank]

    def _gradients(self, batch: Tensor, x: Tensor, y: Tensor, micro_batch: int) -> tuple[Tensor, list[Tensor]]:
        """Backward passes over this process's share (x, y) of a batch of items.

        Each micro-batch weighs as much as it is of the batch, so that they add up to the mean over the batch. Returns
        what they add to its loss, and their scores.
        """
        self._optimizer.zero_grad()
        if self.ranks.size == 1 and len(y) <= micro_batch:
            loss, scores = self._pass(x, y)
            return loss, [scores]
        whole = self._mass(self.batches["train"].y.index_select(0, batch))
        loss = torch.zeros((), device=self.device)
        outputs: list[Tensor] = []
        for inputs, labels in zip(x.split(micro_batch), y.split(micro_batch), strict=True):
            if len(labels):
                part, scores = self._pass(inputs, labels, self._mass(labels) / whole)
                loss += part
                outputs.append(scores)
        return loss, outputs

    def _mass(self, y: Tensor) -> Any:
        """What a mean over these items is divided by: their number, or the sum of their classes' weights."""
        return len(y) if self.weight is None else self.weight[y].sum()

    def _pass(self, x: Tensor, y: Tensor, share: Any = None) -> tuple[Tensor, Tensor]:
        """Forward and backward; share: of the batch that these items are, None for all of it."""
        loss, scores = self.loss(x, y, self.weight, self.recipe.label_smoothing)
        objective = loss
        if self.bayesian:
            objective = loss + divergence(self.network.body) / len(self.batches["train"].y)
        if share is not None:
            loss, objective = loss * share, objective * share
        (self.scaler.scale(objective) if self.scaler else objective).backward()
        return loss.detach(), scores.detach()

    def _update(self) -> None:
        """From gradients of this process's share to new weights."""
        optimizer = self._optimizer
        if self.ranks.size > 1:
            self._add_gradients()
        if self.recipe.gradient_clip:
            if self.scaler:
                self.scaler.unscale_(optimizer)
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            torch.nn.utils.clip_grad_norm_(parameters, self.recipe.gradient_clip)
        self.lr = optimizer.param_groups[0]["lr"]
        if self.scaler:
            self.scaler.step(optimizer)
            self.scaler.update()
        else:
            optimizer.step()

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

    def _average_statistics(self) -> None:
        """Running means are linear: averaged once a chunk, they are what they were if averaged at each batch."""
        if self.ranks.size > 1:
            for module in self.network.body.modules():
                if isinstance(module, _BatchNorm):
                    for statistic in (module.running_mean, module.running_var):
                        if statistic is not None:
                            self.ranks.add(statistic.div_(self.ranks.size))

    def _count(self, chunk: int, losses: Tensor, outputs: list[Tensor], y: Tensor) -> None:
        """Add the chunk to the epoch's sums. Diverged, in all processes at once, where a loss is no number."""
        tally = self.task.tally(torch.cat(outputs), y) if outputs else torch.zeros(())
        found = torch.cat([losses.cpu().double(), tally.cpu().double()[None]])
        self.ranks.add(found)
        losses, finite = found[:-1], found[:-1].isfinite()
        if not finite.all():
            index = int(finite.int().argmin())
            step = len(self.batches["train"]) * self.epoch + chunk * self.per_chunk + index
            raise Diverged(f"loss is {losses[index].item()} at step {step}, epoch {self.epoch}")
        sizes = torch.full_like(losses, self.recipe.batch_size)
        first = chunk * self.per_chunk * self.recipe.batch_size
        sizes[-1] = min(self.recipe.batch_size, len(self.order) - first - self.recipe.batch_size * (len(losses) - 1))
        self.sums += torch.stack([(losses * sizes).sum(), found[-1]])

    def validation_step(self, _chunk: int, _: int) -> None:
        """The epoch's row: means over training and validation items, and the rate of the last update."""
        row = {"epoch": self.epoch, **self.train_means(), **self.judge(), "lr": self.lr}
        if not math.isfinite(row["validation_loss"]):
            raise Diverged(f"validation loss is {row['validation_loss']} after epoch {self.epoch}")
        self.history.append(row)
        self.chunk, self.sums = 0, torch.zeros_like(self.sums)

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
        """The same of the validation items.

        Each block of them is one process's, so that no item is seen twice, and the numbers are those of one process to
        the bit.
        """
        x, y = self.batches["validation"].x, self.batches["validation"].y
        blocks = list(zip(x.split(BLOCK), y.split(BLOCK), strict=True))
        sums = torch.zeros(len(blocks), 2, dtype=torch.float64)
        for index in range(self.ranks.rank, len(blocks), self.ranks.size):
            found, self.block = halving(partial(self._judged, *blocks[index]), self.block)
            sums[index] = torch.tensor(found, dtype=torch.float64)
        self.ranks.add(sums)
        loss, tally = (math.fsum(column) for column in sums.T.tolist())
        return {"validation_loss": loss / len(y), f"validation_{self.task.METRIC}": self.task.metric(tally, y)}

    def _judged(self, x: Tensor, y: Tensor, limit: int) -> tuple[float, float]:
        """Sums over items (N, ...), of which `limit` go through the network at once: losses, and the task's tally."""
        loss = tally = 0.0
        for inputs, labels in zip(x.split(limit), y.split(limit), strict=True):
            mean, scores = self.loss(self.network.prepare(inputs), labels)
            loss += mean.item() * len(labels)
            tally += self.task.tally(scores, labels).item()
        return loss, tally


def halving(run: Callable[[int], Result], limit: int) -> tuple[Result, int]:
    """`run(limit)`, or as often as memory asks with half as many items at once; and the limit that was not too much.

    It draws the same noise each time, as if the smaller limit had been the first.
    """
    noise = randomness.torch_state()
    while True:
        try:
            return run(limit), limit
        except torch.OutOfMemoryError:
            if limit == 1:
                raise
        torch.cuda.empty_cache()
        randomness.restore_torch(noise)
        print(f"out of memory with {limit} items at once; going on with {-(-limit // 2)}", flush=True)
        limit = -(-limit // 2)
