"""`make serve` and `make ui`: what they refuse before anything starts, and when they name their address."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench import scratch
from pipeline.tracking.commands import PortError, check_port
from tests.tracking.conftest import REPOSITORY, Laboratory

SERVE = (sys.executable, "-m", "pipeline.cli", "serve", "shapes-mlp@laptop_champion", "--port")


def free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def used() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def refused(laboratory: Laboratory, *words: str) -> str:
    """What a command says that ends with exit code 1 and no traceback."""
    environment = scratch.environment() | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-m", "pipeline.cli", *words], cwd=laboratory.root, env=environment,
                          capture_output=True, text=True, timeout=60)  # fmt: skip
    assert done.returncode == 1 and "Traceback" not in done.stderr and not done.stdout
    return done.stderr


def test_a_used_port_is_refused_with_one_that_is_free(used: int) -> None:
    with pytest.raises(PortError, match=rf"port {used} of 127.0.0.1 can't be used: .*such as PORT=\d+$") as error:
        check_port(used)
    other = int(str(error.value).rpartition("=")[2])
    check_port(other)
    assert other > used


@pytest.mark.parametrize("words", [("ui",), ("serve", "shapes-mlp@laptop_champion")])
def test_on_a_used_port_no_address_is_named(published: Laboratory, used: int, words: tuple[str, ...]) -> None:
    assert f"port {used} of 127.0.0.1 can't be used" in refused(published, *words, "--port", str(used))


def test_what_serve_does_not_know_is_answered_as_load_does(published: Laboratory) -> None:
    assert "no 'nope@x' in the registry; models: shapes-mlp, shapes-svm" in refused(published, "serve", "nope@x")
    assert "shapes-mlp has versions 1 to 2" in refused(published, "serve", "shapes-mlp@x")
    assert "write name@alias or name/version" in refused(published, "serve", "")


def test_without_a_registry_the_way_to_it_is_said(finished: Laboratory) -> None:
    for words in (("ui",), ("serve", "shapes-mlp/1")):
        assert (
            "no registry in " in (said := refused(finished, *words, "--port", str(free()))) and "`make repro`" in said
        )
    assert not (finished.root / "mlflow").exists()


def test_the_address_is_named_once_the_server_listens(published: Laboratory) -> None:
    port, environment = free(), scratch.environment() | {"PYTHONPATH": str(REPOSITORY)}
    words = [*SERVE, str(port)]
    with subprocess.Popen(words, cwd=published.root, env=environment, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, start_new_session=True) as server:  # fmt: skip
        try:
            assert server.stdout
            assert server.stdout.readline() == f"POST http://127.0.0.1:{port}/invocations   (Ctrl-C ends it)\n"
            socket.create_connection(("127.0.0.1", port), 5).close()
        finally:
            os.kill(server.pid, signal.SIGINT)
        assert server.wait(20) == 130
