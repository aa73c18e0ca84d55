"""A server on a free port of the loopback interface, for as long as a test needs it."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError


@contextmanager
def serving(command: Callable[[int], list[str]], health: str, folder: Path) -> Iterator[str]:
    """The server's URL; it and its children are gone afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command(port), cwd=folder, stdout=log, stderr=log, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 90
        while not _answers(url + health):
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "server.log").read_text()[-3000:])
            time.sleep(0.2)
        yield url
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def ask(url: str, body: Any) -> Any:
    """Answer to a POST of JSON."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def refusal(url: str, body: Any) -> str:
    """The sentence with which a POST of JSON is refused; its status has to be 400."""
    try:
        answer = ask(url, body)
    except HTTPError as error:
        assert error.code == 400, error.read()
        return str(json.load(error)["message"])
    raise AssertionError(f"{body} is answered with {answer}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
