"""A warm interpreter: imports once what cells need, then forks a child for each submission.

    python -m pipeline.run.executors.warm MODULE...     submissions come as JSON lines on stdin, endings go to stdout

Importing torch, Lightning and scikit-learn takes seconds, a fork milliseconds. Nothing is computed here, so a child
starts from imports alone: no random state, no thread pool, no GPU context of another cell can reach it.
"""

import gc
import importlib
import json
import mmap
import os
import select
import signal
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from pipeline import errors, lifetime
from pipeline.cells import fingerprint, store
from pipeline.cells.cell import MARKER, CellError

CHARACTERS = 10_000  # of an error's message that are handed on


class _Child(NamedTuple):
    """name: of its submission. words: what it says of cells, in memory shared with it, since a disk may be full."""

    name: str
    words: mmap.mmap


def main(modules: list[str]) -> None:
    """Serve until stdin closes; children are killed with this process."""
    lifetime.die_with_parent(parent=int(os.environ.get("LAB_RUNNER", os.getppid())))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; who started this says what happens
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what an import prints must not look like an answer
    for module in modules:
        importlib.import_module(module)
    if threading.active_count() > 1:
        raise RuntimeError(f"an import of {modules} started a thread; forking would be unsafe")
    imported = fingerprint.sources(modules)
    gc.collect()
    gc.freeze()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    _say(answers, {"ready": True})
    children: dict[int, _Child] = {}
    pending = b""
    while True:
        readable, _, _ = select.select([0, woken], [], [])
        if woken in readable:
            os.read(woken, 4096)
            for answer in _reap(children):
                _say(answers, answer)
        if 0 in readable:
            received = os.read(0, 65536)
            if not received:
                return
            *lines, pending = (pending + received).split(b"\n")
            for line in lines:
                submission = json.loads(line)
                _remember(submission["orders"])
                child = _Child(submission["name"], mmap.mmap(-1, 2**20))
                children[_fork(submission, imported, (answers.fileno(), woken, wake), child.words)] = child


def _remember(orders: list[dict[str, Any]]) -> None:
    """Read here what the child is going to read, once for all children; it says itself what is damaged."""
    for folder in {folder for order in orders for folder in order["inputs"].values()}:
        with suppress(CellError, OSError):
            store.require_sound(Path(folder))


def _reap(children: dict[int, _Child]) -> list[dict[str, Any]]:
    ended = []
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            break
        name, words = children.pop(pid)
        problems = json.loads(words[:].rstrip(b"\0") or "{}")
        words.close()
        ended.append({"name": name, "code": os.waitstatus_to_exitcode(status), "problems": problems})
    return ended


def _fork(submission: dict[str, Any], imported: dict[str, str], own: tuple[int, ...], words: mmap.mmap) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        lifetime.die_with_parent(parent=parent)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        for handle in own:
            os.close(handle)
        os.environ.update(submission["environment"])
        problems: dict[str, str] = {}
        for order in submission["orders"]:
            if why := _execute(order, imported):
                problems[order["key"]] = why[:CHARACTERS]
                said = json.dumps(problems).encode()
                words[: len(said)] = said
        code = 1 if problems else 0
    finally:
        os._exit(code)


def _execute(order: dict[str, Any], imported: dict[str, str]) -> str | None:
    """Why the cell has no result; None where it has one, or where what it needs is not there and it was not begun."""
    if not all((Path(folder) / MARKER).is_file() for folder in order["inputs"].values()):
        return None
    try:
        _redirect(Path(order["folder"]))
        now = fingerprint.sources([order["entry"], *order["modules"]])  # of what is only imported now
        fingerprint.require_same(order["spec"]["sources"], now | imported)
        work = order["entry"], order["spec"], order["inputs"], order["execution"]
        store.execute(order["key"], Path(order["folder"]), *work)
        return None
    except BaseException as error:  # the last thing that is done for a cell is to say why
        with suppress(OSError):
            traceback.print_exc()
        return errors.words(error)
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()


def _redirect(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


def _say(answers: Any, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
