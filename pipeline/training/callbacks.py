"""What happens around an epoch: progress for whoever watches, a checkpoint for whoever comes after a kill."""

import os
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from pipeline.cells import write_json
from pipeline.training.system import System


class Progress(pl.Callback):
    """Adds the epoch's seconds to its row and, at most once a second, writes the row to `progress.json`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.written = folder, 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.started = time.perf_counter()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, System)
        now = time.perf_counter()
        pl_module.history[-1]["seconds"] = now - self.started
        if now - self.written > 1.0:
            write_json(self.folder / "progress.json", {**pl_module.history[-1], "epochs": pl_module.epochs})
            self.written = now


class Checkpoint(pl.Callback):
    """Saves everything that a resumed run needs at the end of an epoch, if `seconds` have passed since the last time.

    Written beside its target, synced and renamed: a kill leaves the old one or the new one. Lightning keeps weights,
    optimizer, schedule and loops; history and torch's random states are added here. The data order needs no state: it
    is a function of seed and epoch.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self.path, self.seconds, self.saved = folder / "checkpoint.ckpt", seconds, time.perf_counter()

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if time.perf_counter() - self.saved < self.seconds:
            return
        draft = self.path.with_suffix(".part")
        trainer.save_checkpoint(draft)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(self.path)
        self.saved = time.perf_counter()

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        assert isinstance(pl_module, System)
        cuda = torch.cuda.get_rng_state_all() if pl_module.device.type == "cuda" else []
        checkpoint["lab"] = {"history": pl_module.history, "rng": torch.get_rng_state(), "cuda": cuda}

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        assert isinstance(pl_module, System)
        state = checkpoint["lab"]
        pl_module.history = state["history"]
        torch.set_rng_state(state["rng"])
        if state["cuda"]:
            torch.cuda.set_rng_state_all(state["cuda"])
