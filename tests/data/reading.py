"""What tests of readers share."""

from pathlib import Path

import numpy as np

from pipeline.data import prepare
from pipeline.data.raw import Raw
from pipeline.tasks._task import find


def encoded(raw: Raw, task: str = "classification") -> Raw:
    """As `prepare` goes on with it."""
    kept = {split: np.arange(len(y)) for split, (_, y) in raw.splits.items()}
    targeted, classes = prepare._targeted(raw, kept, find(task), "it")
    return Raw(raw.kind, targeted.splits, classes)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
