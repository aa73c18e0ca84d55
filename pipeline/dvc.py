"""`dvc` as `make repro` calls it: the same command, which writes its lock file now and then instead of at every stage.

After each stage DVC reads and writes the whole of dvc.lock with a parser that keeps comments: with many stages that
takes longer than the stage itself. Here it is read once and written every few seconds and at the end. A kill in between
loses the newest entries; those stages are asked again and find all of their cells.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dvc import dvcfile
from dvc.cli import main
from dvc.utils.serialize import dump_yaml, load_yaml

SECONDS = 10.0
_original = dvcfile.modify_yaml


class Lock:
    """The content of dvc.lock, in memory."""

    def __init__(self) -> None:
        self.path: Path | None = None
        self.content: dict[str, Any] = {}
        self.written = time.monotonic()

    @contextmanager
    def modify(self, path: str, fs: Any = None) -> Iterator[dict[str, Any]]:
        """In place of DVC's `modify_yaml`; other files than the lock are left to that."""
        if os.path.basename(path) != dvcfile.LOCK_FILE:
            with _original(path, fs=fs) as content:
                yield content
            return
        if self.path is None:
            self.path = Path(path)
            self.content = load_yaml(path, fs=fs) if self.path.exists() else {}
        yield self.content
        if time.monotonic() - self.written > SECONDS:
            self.write()

    def write(self) -> None:
        """Whole or not at all; nothing where no stage was run."""
        if self.path is not None:
            draft = self.path.with_suffix(".part")
            dump_yaml(draft, self.content)
            draft.replace(self.path)
            self.written = time.monotonic()


def run(words: list[str]) -> int:
    """Exit code of DVC's command line."""
    lock = Lock()
    dvcfile.modify_yaml = lock.modify
    try:
        return int(main(words) or 0)
    finally:
        lock.write()


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
