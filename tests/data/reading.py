"""What tests of readers share."""

from pathlib import Path

from pipeline.data import prepare
from pipeline.data.raw import Raw
from pipeline.tasks._task import find


def encoded(raw: Raw, task: str = "classification") -> Raw:
    """As `prepare` goes on with it."""
    return prepare._targeted(raw, find(task))


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
