"""A store that was moved, copied or damaged."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from pipeline.tracking.commands import aliases, example, load
from pipeline.tracking.database import NAME, opened
from pipeline.tracking.records import StoreError
from tests.tracking.conftest import Laboratory
from tests.tracking.reading import picture, runs


def folders(laboratory: Laboratory) -> set[Path]:
    """Where the aliases lead, by the public loader."""
    return {load(locator, laboratory.roots) for locator in aliases(laboratory.roots)}


def test_in_a_moved_project_every_alias_loads_and_nothing_is_made_twice(laboratory: Laboratory) -> None:
    """Also under a name with a blank, which an address has as %20."""
    laboratory.publish()
    before, ledger = picture(laboratory), laboratory.roots.ledger.read_bytes()
    moved = Laboratory(laboratory.root.with_name("moved there"))
    laboratory.root.rename(moved.root)
    found = folders(moved)
    assert len(found) == 3 and all(folder.is_relative_to(moved.roots.store) for folder in found)
    assert example("shapes-mlp@laptop_champion", moved.roots) == (1, 10)
    assert moved.publish()["changed"] == 0
    assert picture(moved) == before and moved.roots.ledger.read_bytes() == ledger
    for run in runs(moved).values():
        assert run.info.artifact_uri.startswith(moved.roots.store.as_uri())


def test_a_copied_project_has_a_store_of_its_own(laboratory: Laboratory) -> None:
    laboratory.publish()
    copy = Laboratory(laboratory.root.with_name("copy"))
    shutil.copytree(laboratory.root, copy.root)
    for one in (copy, laboratory):
        assert one.publish()["changed"] == 0
        assert all(folder.is_relative_to(one.roots.store) for folder in folders(one))


def test_addresses_follow_all_or_none(laboratory: Laboratory) -> None:
    """A table that can't be written stops it; what it leaves is as it was."""
    laboratory.publish()
    moved = laboratory.root.with_name("moved")
    laboratory.root.rename(moved)
    database = moved / "mlflow" / NAME
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TRIGGER no BEFORE UPDATE ON model_versions BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(StoreError, match="can't be used: no"):
        opened(database.parent)
    with sqlite3.connect(database) as connection:
        (place,) = connection.execute("SELECT artifact_location FROM experiments WHERE experiment_id = 1").fetchone()
        connection.execute("DROP TRIGGER no")
    assert place.startswith(laboratory.roots.store.as_uri())
    assert Laboratory(moved).publish()["changed"] == 0


@pytest.mark.parametrize("damage", ["a page", "text", "empty"])
def test_a_damaged_database_is_named_with_what_to_do(published: Laboratory, tmp_path: Path, damage: str) -> None:
    clone = Laboratory(tmp_path / "clone")
    shutil.copytree(published.root, clone.root)
    database = clone.roots.store / NAME
    content = bytearray(database.read_bytes())
    content[20 * 4096 : 21 * 4096] = b"\xff" * 4096
    database.write_bytes({"a page": bytes(content), "text": b"no database", "empty": b""}[damage])
    for use in (clone.publish, lambda: load("shapes-mlp/1", clone.roots)):
        with pytest.raises(StoreError, match=r"mlflow/mlflow.db can't be used: .*delete mlflow/ and `make repro`"):
            use()
    shutil.rmtree(clone.roots.store)
    clone.publish()
    assert len(folders(clone)) == 3
