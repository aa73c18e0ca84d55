"""`mlflow.db` before MLflow opens it: whether it is whole, and whether its addresses are those of its folder.

MLflow keeps absolute addresses of files. In a project that was moved or copied they would lead to the old folder, so
they follow the new one here, all of them in one transaction. Light to import.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from pipeline.tracking.records import REMAKE, StoreError

NAME = "mlflow.db"
ADDRESSES = {  # columns of files' addresses, by table
    "experiments": ["artifact_location"],
    "runs": ["artifact_uri"],
    "logged_models": ["artifact_location"],
    "model_versions": ["source", "storage_location"],
}
PLACES = (  # of the experiments that a publish made
    "SELECT artifact_location FROM experiments JOIN experiment_tags USING (experiment_id) WHERE key = 'profile'"
)


def address(root: Path) -> str:
    """SQLAlchemy's address of a store."""
    return f"sqlite:///{root.resolve() / NAME}"


def opened(root: Path) -> str:
    """Address of the store in `root`, once it is whole and its addresses lead into `root`; StoreError if it can't be.

    All that opens a store asks here first.
    """
    if not (root / NAME).is_file():
        raise StoreError(f"no registry in {root}: `make repro` makes it")
    stat, here = (root / NAME).stat(), f"{root.resolve().as_uri()}/artifacts/"
    with explained(root), closing(_connected(root)) as database:
        _check(root, stat.st_size, stat.st_mtime_ns)
        places = {place.rpartition("/artifacts/")[0] + "/artifacts/" for (place,) in database.execute(PLACES)}
        with database:
            for there in places - {here}:
                _move(database, there, here)
    return address(root)


@cache
def _check(root: Path, size: int, changed: int) -> None:
    """sqlite3.Error where a database in this state is damaged: 0.1 s for 16 MB, so it is asked once."""
    with closing(_connected(root)) as database:
        (found,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(found.splitlines()[-1])


def _move(database: sqlite3.Connection, there: str, here: str) -> None:
    """Let all addresses that begin with `there` begin with `here`."""
    for table, columns in ADDRESSES.items():
        for column in columns:
            database.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                (here, len(there) + 1, len(there), there),
            )


def counts(root: Path) -> tuple[int, int]:
    """Runs and registered versions."""
    with explained(root), closing(_connected(root)) as database:
        runs, versions = (f"SELECT count(*) FROM {table}" for table in ("runs", "model_versions"))
        return database.execute(runs).fetchone()[0], database.execute(versions).fetchone()[0]


@contextmanager
def explained(root: Path, *errors: type[Exception]) -> Iterator[None]:
    """Turn errors of sqlite, and other `errors`, into a StoreError that says what to do."""
    kinds: tuple[type[Exception], ...] = (sqlite3.Error, *errors)
    try:
        yield
    except kinds as error:
        reason = str(error).partition("\n")[0]
        raise StoreError(f"{root / NAME} can't be used: {reason}. If it is damaged, {REMAKE}") from error


def _connected(root: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{(root / NAME).resolve().as_uri()}?mode=rw", uri=True)  # never makes a file
