"""The file that remembers every trial: one sweep at a time, and none lost to a line that was cut short."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import Told


class JournalError(Told, RuntimeError):
    """A journal that is in use, missing or damaged before its end."""


@contextmanager
def held(journal: Path) -> Iterator[str | None]:
    """The journal to oneself, made if missing and mended; yields what was mended, None where nothing was.

    JournalError where another sweep holds it, or where more than its end is damaged. The lock goes with the process,
    however it ends.
    """
    journal.parent.mkdir(parents=True, exist_ok=True)
    with journal.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise JournalError(f"{journal.name} is in use by another sweep; wait for it or stop it") from error
        journal.with_name(journal.name + ".lock").unlink(missing_ok=True)  # Optuna's, of a process that was killed
        yield mend(journal)


def mend(journal: Path) -> str | None:
    """Cut off the end of the file that is no complete line of JSON, after a copy of the file was set aside.

    A kill in mid-write leaves half a line, and Optuna would append its next to that half. Returns what was done.
    JournalError where a line before the end is damaged: that is no torn write.
    """
    lines = journal.read_bytes().splitlines(keepends=True)
    sound = len(lines)
    while sound and not _complete(lines[sound - 1]):
        sound -= 1
    damaged = next((i for i, line in enumerate(lines[:sound], 1) if not _complete(line)), None)
    if damaged:
        raise JournalError(f"{journal}, line {damaged}: damaged; restore the file or move it away")
    if sound == len(lines):
        return None
    backup = _unused(journal)
    shutil.copy2(journal, backup)
    with journal.open("r+b") as file:
        file.truncate(sum(map(len, lines[:sound])))
        os.fsync(file.fileno())
    return f"{journal.name}: cut off a line that was written only in part; the file as it was: {backup.name}"


def _complete(line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _unused(journal: Path) -> Path:
    number = 1
    while (path := journal.with_name(f"{journal.name}.torn{number}")).exists():
        number += 1
    return path
