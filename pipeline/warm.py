"""A warm interpreter: imports once what cells need, then forks a child a cell.

    python -m pipeline.warm MODULE...     orders come as JSON lines on stdin, endings go as JSON lines to stdout

Importing torch, Lightning and scikit-learn takes seconds, a fork milliseconds. Nothing is computed here, so a child
starts from imports alone: no random state, no thread pool, no GPU context of another cell can reach it.
"""

import gc
import importlib
import json
import os
import select
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from pipeline import cells, fingerprint, lifeline


def main(modules: list[str]) -> None:
    """Serve orders until stdin closes; children are killed with this process."""
    lifeline.die_with_parent(parent=int(os.environ.get("LAB_RUNNER", os.getppid())))
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
    children: dict[int, str] = {}
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
            *orders, pending = (pending + received).split(b"\n")
            for line in orders:
                order = json.loads(line)
                children[_fork(order, imported, (answers.fileno(), woken, wake))] = order["key"]


def _reap(children: dict[int, str]) -> list[dict[str, Any]]:
    ended = []
    while children:
        pid, status, usage = os.wait4(-1, os.WNOHANG)
        if not pid:
            break
        ended.append(
            {
                "key": children.pop(pid),
                "code": os.waitstatus_to_exitcode(status),
                "cpu_seconds": usage.ru_utime + usage.ru_stime,
            }
        )
    return ended


def _fork(order: dict[str, Any], imported: dict[str, str], own: tuple[int, ...]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        lifeline.die_with_parent(parent=parent)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        for handle in own:
            os.close(handle)
        _redirect(Path(order["folder"]))
        os.environ.update(order["environment"])
        _require_same(order["spec"]["sources"], imported)
        work = order["entry"], order["spec"], order["inputs"], order["execution"]
        cells.order(order["key"], Path(order["folder"]), *work)
        code = 0
    except BaseException:  # the last thing a child does is to say why
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _require_same(asked: dict[str, str], imported: dict[str, str]) -> None:
    """A key names the code as it was on disk when it was made; work done with other code must not get that name."""
    if changed := [name for name, digest in asked.items() if imported.get(name) != digest]:
        raise RuntimeError(f"edited while this ran: {', '.join(changed)}; run the same command again")


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
