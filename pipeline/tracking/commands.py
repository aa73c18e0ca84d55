"""What a person does with the registry: look at it, serve from it, find a version's files."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pipeline import lifetime
from pipeline.errors import Told
from pipeline.tracking import ENVIRONMENT
from pipeline.tracking.database import address, opened
from pipeline.tracking.records import REMAKE, Roots

HOST = "127.0.0.1"


class LocatorError(Told, LookupError):
    """A locator that leads nowhere; the message lists what there is."""


class WeightsError(Told, ValueError):
    """A version whose weights are not those that were registered."""


class PortError(Told, OSError):
    """A port that can't be listened on; the message has one that can."""


def ui(port: int, roots: Roots | None = None) -> int:
    """MLflow over the store until Ctrl-C; its exit code. PortError, StoreError before anything is started."""
    check_port(port)
    opened((roots or Roots()).store)
    return run_server(ui_command(port, roots), port, f"http://{HOST}:{port}/?workflowType=machine_learning")


def serve(locator: str, port: int, roots: Roots | None = None) -> int:
    """Answer with a version until Ctrl-C; the server's exit code. PortError, and the errors of `load`, before that."""
    check_port(port)
    load(locator, roots)
    return run_server(serve_command(locator, port, roots), port, f"POST http://{HOST}:{port}/invocations")


def ui_command(port: int, roots: Roots | None = None) -> list[str]:
    """argv of MLflow's server over the store, for this machine's own browser only.

    It listens on 127.0.0.1 and answers to no other host name. Pages of other local servers MLflow always lets in, so on
    a machine that several people share, or beyond it, put a TLS proxy and MLflow's basic-auth app in front.
    """
    root = (roots or Roots()).store.resolve()
    hosts = [f"{host}:{port}" for host in (HOST, "localhost")]
    return [
        *_python(root),
        "server",
        "--backend-store-uri",
        address(root),
        "--default-artifact-root",
        (root / "artifacts").as_uri(),
        "--no-serve-artifacts",
        "--host",
        HOST,
        "--port",
        str(port),
        "--workers",
        "1",
        "--allowed-hosts",
        ",".join(hosts),
    ]


def serve_command(locator: str, port: int, roots: Roots | None = None) -> list[str]:
    """argv of a server that answers POST /invocations with the model of `name@alias` or `name/version`."""
    root = (roots or Roots()).store.resolve()
    return [
        *_python(root),
        "models",
        "serve",
        "--model-uri",
        f"models:/{locator}",
        "--env-manager",
        "local",
        "--host",
        HOST,
        "--port",
        str(port),
    ]


def check_port(port: int) -> None:
    """PortError where nothing can listen on a port of this machine's loopback address."""
    if reason := _taken(port):
        near = (*range(port + 1, min(port + 2000, 65536)), *range(port - 1, 1024, -1))
        other = next(number for number in near if not _taken(number))
        raise PortError(f"port {port} of {HOST} can't be used: {reason}. Write another one, such as PORT={other}")


def _taken(port: int) -> str:
    """Why nothing can listen on a port, empty where it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that has ended is in nobody's way
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return str(error.strerror)
    return ""


def run_server(words: list[str], port: int, ready: str) -> int:
    """Run a server that starts workers of its own, say `ready` once it listens, end them all with this process."""
    with subprocess.Popen(words, start_new_session=True, preexec_fn=lifetime.die_with_parent) as server:
        try:
            while server.poll() is None and not _listening(port):
                time.sleep(0.1)
            if server.returncode is not None:
                print("the server ended before it could answer; what it said is above", file=sys.stderr)
                return server.returncode or 1
            print(f"{ready}   (Ctrl-C ends it)", flush=True)
            return server.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def load(locator: str, roots: Roots | None = None) -> Path:
    """Folder of a registered version: its weights, `spec.json` and `result.json`, hash checked.

    locator: `name@alias` or `name/version`. LocatorError where there is no such version or its files are lost,
    WeightsError where the weights are not what was registered, StoreError where there is no usable store. The folder is
    what `load_network` takes.
    """
    client = _client(roots)
    from mlflow.exceptions import MlflowException
    from mlflow.utils.file_utils import local_file_uri_to_path

    from pipeline.tracking.loader import check

    name, mark, which = locator.partition("@" if "@" in locator else "/")
    try:
        if not which or (mark == "/" and not which.isdigit()):
            raise LocatorError(f"{locator!r} is no locator: write name@alias or name/version; {_models(client)}")
        found = client.get_model_version_by_alias(name, which) if mark == "@" else client.get_model_version(name, which)
    except MlflowException as error:
        raise LocatorError(f"no {locator!r} in the registry; {_models(client, name)}") from error
    if "files" in found.tags:
        raise LocatorError(f"{locator}: {found.tags['files']}")
    folder = Path(local_file_uri_to_path(client.get_model_version_download_uri(name, found.version)))
    if not (folder / "MLmodel").is_file():
        raise LocatorError(f"{locator}: {folder} is gone; {REMAKE}")
    try:
        card = check(folder)
    except ValueError as error:
        raise WeightsError(f"{locator}: {error}") from None
    if any(card[name] != found.tags.get(name) for name in ("artifact_hash", "file_sha256")):
        raise WeightsError(f"{locator}: {folder} holds other weights than the registry says; {REMAKE}")
    return folder


def aliases(roots: Roots | None = None) -> list[str]:
    """Locators of all aliases, `name@alias`."""
    found = _client(roots).search_registered_models(max_results=1000)
    return sorted(f"{model.name}@{alias}" for model in found for alias in model.aliases)


def example(locator: str, roots: Roots | None = None) -> tuple[int, ...]:
    """Shape of what a version answers to its own example, by MLflow's loader: (1, K)."""
    from mlflow import pyfunc

    model = pyfunc.load_model(str(load(locator, roots)))
    return tuple(model.predict(model.input_example).shape)


def _client(roots: Roots | None) -> Any:
    uri = opened((roots or Roots()).store)
    from mlflow import MlflowClient

    return MlflowClient(uri, uri)


def _models(client: Any, name: str = "") -> str:
    """What there is: the versions and aliases of `name`, or all names."""
    models = {model.name: model for model in client.search_registered_models(max_results=1000)}
    if name not in models:
        return f"models: {', '.join(sorted(models)) or 'none'}"
    count = len(client.search_model_versions(f"name = '{name}'"))
    aliases = ", ".join(f"@{a} = {n}" for a, n in sorted(models[name].aliases.items()))
    return f"{name} has versions 1 to {count} and aliases {aliases or 'none'}"


def _python(root: Path) -> list[str]:
    """MLflow under the project's settings, in a form that a Makefile, a shell and Popen all take."""
    settings = ENVIRONMENT | {"MLFLOW_TRACKING_URI": address(root), "MLFLOW_REGISTRY_URI": address(root)}
    return ["env", *(f"{name}={value}" for name, value in settings.items()), sys.executable, "-m", "mlflow"]
