"""What happens around an epoch: progress for whoever watches, a checkpoint for whoever comes after a kill."""

import copy
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from pipeline import errors
from pipeline.cells.cell import CHECKPOINTS, Execution, write_json
from pipeline.training import randomness
from pipeline.training.system import System


class Progress(pl.Callback):
    """Adds the epoch's seconds to its row and, at most once a second, writes the row to `progress.json`.

    Of several processes the first one writes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.written, self.before = folder, 0.0, 0.0

    @property
    def seconds(self) -> float:
        """Of this epoch so far, those before a kill included."""
        return self.before + time.perf_counter() - self.started

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, System)
        if pl_module.recipe.minutes is None or pl_module.lr is None:  # nothing is done yet but what was before a kill
            return
        spent = sum(row["seconds"] for row in pl_module.history) + self.seconds
        if pl_module.ranks.any(pl_module.ending.late(spent)):
            pl_module.ending.reason = f"limit of {pl_module.recipe.minutes:g} minutes after {spent:.1f} seconds"
            trainer.should_stop = True

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, System)
        pl_module.history[-1]["seconds"], self.before = self.seconds, 0.0
        now = time.perf_counter()
        if now - self.written > 1.0 and pl_module.ranks.rank == 0:
            write_json(self.folder / "progress.json", {**pl_module.history[-1], "epochs": pl_module.epochs})
            self.written = now


class Paused(Exception):
    """Training came to the epoch after which it was asked to pause; the checkpoint has all of it."""


class Checkpoint(pl.Callback):
    """Keeps all that a resumed run needs to end as if it had never been killed, between any two chunks of an epoch.

    owner: what the checkpoint must be of, `model` and `key`. execution: after how many seconds or epochs since the last
    time it is saved, and after which epoch training pauses (Paused). The two newest are kept, each written beside its
    target, synced and renamed: a kill leaves the old one or the new one. What is damaged, another cell's or does not
    fit is passed over, and said.

    States of random generators are taken just before a chunk is trained and given back at that very moment: whatever
    Lightning draws around it (its loaders, a number an epoch) has no part in the result.
    """

    def __init__(
        self,
        folder: Path,
        owner: dict[str, str],
        progress: Progress,
        execution: Execution,
    ) -> None:
        self.newest, self.older = (folder / name for name in CHECKPOINTS)
        self.owner, self.progress = owner, progress
        self.seconds, self.epochs = execution.checkpoint_seconds, execution.checkpoint_epochs
        self.pause = execution.pause
        self.saved, self.saved_epoch = time.perf_counter(), 0
        self.found: dict[Path, dict[str, Any]] = {}
        self.ranks: list[dict[str, Any]] = []  # what each process had of its own, until it has it again

    def read(self) -> dict[Path, dict[str, Any]]:
        """Checkpoints of this cell that are whole, by path, the newest first."""
        found = {}
        for path in (self.newest, self.older):
            try:
                found[path] = _load(path, self.owner)
            except FileNotFoundError:
                continue
            except Exception as error:  # torch, zipfile and pickle each have their own words for what is torn
                _pass_over(path, error)
        return found

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, System)
        before = copy.deepcopy(pl_module.state()) if self.found else {}
        for path, found in self.found.items():
            try:
                pl_module.restore(found["system"])
                seconds, ranks = float(found["seconds"]), _checked(found["ranks"])
            except Exception as error:  # whatever it holds is nothing that this training has
                pl_module.restore(before)
                _pass_over(path, error, pl_module.ranks.rank)
                continue
            self.progress.before, self.ranks, self.saved_epoch = seconds, ranks, pl_module.epoch
            trainer.fit_loop.max_epochs = pl_module.epochs - pl_module.epoch
            if pl_module.ranks.rank == 0:
                print(f"going on after {pl_module.epoch} epochs and {pl_module.chunk} chunks", flush=True)
            break
        self.found = {}

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, System)
        if batch < pl_module.chunk:
            return
        if self.ranks:
            self._go_on(pl_module, self.ranks)
            self.ranks = []
        elif self._pauses(pl_module) or pl_module.ranks.any(self._due(pl_module)):
            self._save(pl_module)
        if self._pauses(pl_module):
            raise Paused

    def _go_on(self, system: System, ranks: list[dict[str, Any]]) -> None:
        """What each process has of its own."""
        if len(ranks) != system.ranks.size:
            print(
                f"going on with {system.ranks.size} processes instead of {len(ranks)}: noise is drawn anew", flush=True
            )
            return
        own = ranks[system.ranks.rank]
        randomness.restore(own["random"])
        system.micro_batch, system.block = own["limits"]

    def _pauses(self, system: System) -> bool:
        return self.pause is not None and system.epoch >= self.pause

    def _due(self, system: System) -> bool:
        """By the first process's clock."""
        late = self.seconds is not None and time.perf_counter() - self.saved >= self.seconds
        epoch = self.epochs is not None and system.epoch - self.saved_epoch >= self.epochs
        return system.ranks.rank == 0 and (late or epoch)

    def _save(self, system: System) -> None:
        own = {"random": randomness.state(), "limits": (system.micro_batch, system.block)}
        ranks = system.ranks.gather(own)
        if system.ranks.rank == 0:
            state = {"owner": self.owner, "seconds": self.progress.seconds, "system": system.state(), "ranks": ranks}
            _write(state, self.newest, self.older)
        self.saved, self.saved_epoch = time.perf_counter(), system.epoch


def _pass_over(path: Path, error: Exception, rank: int = 0) -> None:
    if rank == 0:
        print(f"{path}: passed over ({errors.words(error)}); what is older is looked for", flush=True)


def _checked(ranks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What each of several processes had of its own; an error of any kind where it is not what `_save` gathers."""
    own = randomness.state()
    if not ranks:
        raise ValueError("it is of no process")
    try:
        for had in ranks:
            randomness.restore(had["random"])
            had["limits"] = tuple(map(int, had["limits"]))
            _, _ = had["limits"]
    finally:
        randomness.restore(own)
    return ranks


def _load(path: Path, owner: dict[str, str]) -> dict[str, Any]:
    """The content of a checkpoint of `owner`; an error of any kind where it is not as it was written.

    torch notices a file that was cut, but not a bit that has changed: the checksums of its archive are looked at here.
    """
    with zipfile.ZipFile(path) as archive:
        if damaged := archive.testzip():
            raise zipfile.BadZipFile(f"checksum of {damaged}")
    found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    for name, value in owner.items():
        if (other := found["owner"][name]) != value:
            raise ValueError(f"its {name} is {other}, this cell's is {value}")
    return found


def _write(state: dict[str, Any], newest: Path, older: Path) -> None:
    draft = newest.with_suffix(".part")
    with draft.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    if newest.exists():
        newest.replace(older)
    draft.replace(newest)
    folder = os.open(newest.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
