"""From results and cells to the registry, idempotently: what is there stays, what is missing is made."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.cells import fingerprint
from pipeline.cells.cell import MARKER, CellError, read_json, write_json
from pipeline.config.sections import Params
from pipeline.tracking.database import NAME, explained
from pipeline.tracking.records import Models, Roots, collect

RECEIPT = "receipt.json"
STATE = "published.json"  # what the last publish saw
SHOWN = 3  # runs that are not there: a fresh clone has hundreds


def publish(params: Params, roots: Roots | None = None) -> dict[str, Any]:
    """Bring ledger and store up to the files of the active profile; returns what `receipt.json` says, and `changed`.

    Where nothing changed since the last time, that is known from files alone, without MLflow. The ledger is written
    before the store (see `ledger`), the receipt last: where there is one, all of it was done. LedgerError or StoreError
    where one is damaged or contradicts the other; the message says what to delete.
    """
    roots = roots or Roots()
    with _locked(roots):
        if _read(roots, STATE) == _state(params, roots) and (receipt := _read(roots, RECEIPT)):
            return receipt | {"changed": 0}
        from mlflow.exceptions import MlflowException  # takes seconds
        from sqlalchemy.exc import SQLAlchemyError

        from pipeline.tracking.project import project

        models = Models(roots)
        found = collect(params, roots, models)
        with explained(roots.store, MlflowException, SQLAlchemyError):
            receipt, changed = project(params, roots, models, found)
        write_json(roots.store / RECEIPT, receipt)
        write_json(roots.store / STATE, _state(params, roots))
        return receipt | {"changed": changed}


def _state(params: Params, roots: Roots) -> dict[str, Any]:
    """All that decides what a publish does: parameters, results, which models are here, ledger, code, the store."""
    rows = {}
    for name in (*params.experiments, *params.variants):
        folder = roots.results(params.profile, name)
        keys = _keys(roots, params.profile, name)
        here = [(roots.cells / key / MARKER).is_file() for key in keys]
        rows[name] = [fingerprint.of_path(folder) if folder.is_dir() else "", here]
    shown = sorted(marker.relative_to(roots.artifacts).as_posix() for marker in roots.artifacts.rglob(MARKER))
    database = roots.store / NAME
    stat = database.stat() if database.is_file() else None
    return {
        "root": str(roots.root.resolve()),
        "inputs": fingerprint.of_json([params.model_dump(mode="json"), rows, shown]),
        "ledger": fingerprint.of_file(roots.ledger) if roots.ledger.is_file() else "",
        "code": fingerprint.of_path(fingerprint.PACKAGE / "tracking"),
        "store": [stat.st_size, stat.st_mtime_ns] if stat else [],
    }


def _keys(roots: Roots, profile: str, name: str) -> list[str]:
    try:
        return list(read_json(roots.results(profile, name) / "keys.json")["keys"].values())
    except CellError:
        return []


def _read(roots: Roots, name: str) -> dict[str, Any]:
    try:
        return read_json(roots.store / name)
    except CellError:
        return {}


@contextmanager
def _locked(roots: Roots) -> Iterator[None]:
    """One publish at a time; the lock goes with the process, however it ends."""
    roots.store.mkdir(parents=True, exist_ok=True)
    with (roots.store / "publish.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def summary(receipt: dict[str, Any]) -> str:
    """A few lines for the terminal."""
    lines = [
        f"{receipt['runs']} runs of profile {receipt['profile']}, {len(receipt['failed'])} of them failed; "
        f"{sum(receipt['versions'].values())} versions of {len(receipt['versions'])} models; "
        f"{receipt['changed']} changes"
    ]
    lines += [f"failed: {failed}" for failed in receipt["failed"]]
    absent = receipt["missing"]
    lines += [f"not there yet: {run}" for run in absent[:SHOWN]]
    lines += [f"not there yet: {len(absent) - SHOWN} more, listed in mlflow/{RECEIPT}"] if absent[SHOWN:] else []
    return "\n".join(lines)
