"""What a person does with the registry: look at it, serve from it, find a version's files."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipeline import lifetime
from pipeline.errors import Told
from pipeline.tracking import ENVIRONMENT
from pipeline.tracking.records import Roots


class LocatorError(Told, LookupError):
    """A locator that leads nowhere; the message lists what there is."""


def ui_command(port: int, roots: Roots | None = None) -> list[str]:
    """argv of MLflow's server over the store, for this machine's own browser only.

    It listens on 127.0.0.1 and answers to no other host name. Pages of other local servers MLflow always lets in, so on
    a machine that several people share, or beyond it, put a TLS proxy and MLflow's basic-auth app in front.
    """
    root = (roots or Roots()).store.resolve()
    hosts = [f"{host}:{port}" for host in ("127.0.0.1", "localhost")]
    return [
        *_python(root),
        "server",
        "--backend-store-uri",
        f"sqlite:///{root / 'mlflow.db'}",
        "--default-artifact-root",
        (root / "artifacts").as_uri(),
        "--no-serve-artifacts",
        "--host",
        "127.0.0.1",
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
        "127.0.0.1",
        "--port",
        str(port),
    ]


def run_server(words: list[str]) -> int:
    """Run a server that starts workers of its own, and end all of them with this process."""
    with subprocess.Popen(words, start_new_session=True, preexec_fn=lifetime.die_with_parent) as server:
        try:
            return server.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)


def load(locator: str, roots: Roots | None = None) -> Path:
    """Folder of a registered version: its weights, `spec.json` and `result.json`, hash checked.

    locator: `name@alias` or `name/version`. LocatorError where there is no such version or its files are lost,
    ValueError where the weights are not what was registered. The folder is what `load_network` takes.
    """
    roots = roots or Roots()
    if not (roots.store / "mlflow.db").is_file():
        raise LocatorError(f"no registry in {roots.store}: make it with `dvc repro publish`")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from mlflow.utils.file_utils import local_file_uri_to_path

    from pipeline.tracking.loader import check
    from pipeline.tracking.store import address

    client = MlflowClient(address(roots.store), address(roots.store))
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
        raise LocatorError(f"{locator}: {folder} is gone; delete {roots.store.name}/ and publish again")
    card = check(folder)
    if any(card[name] != found.tags.get(name) for name in ("artifact_hash", "file_sha256")):
        raise ValueError(
            f"{locator}: {folder} holds other weights than the registry says; "
            f"delete {roots.store.name}/ and publish again"
        )
    return folder


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
    address = f"sqlite:///{root / 'mlflow.db'}"
    settings = ENVIRONMENT | {"MLFLOW_TRACKING_URI": address, "MLFLOW_REGISTRY_URI": address}
    return ["env", *(f"{name}={value}" for name, value in settings.items()), sys.executable, "-m", "mlflow"]
