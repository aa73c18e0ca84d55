"""Cells that come as archives: whole or in parts, verified like any other, and never outside of their folder."""

import io
import shutil
import tarfile
from pathlib import Path

import pytest

from pipeline import paths
from pipeline.cells import archives, fingerprint, store
from pipeline.cells.cell import MARKER, CellError, write_json


@pytest.fixture
def packed(own_cells: Path) -> bytes:
    """Two cells of another machine, and none here."""
    folders = []
    for value in range(2):
        spec = {"kind": "train", "value": value}
        key = fingerprint.of_json(spec)[:32]
        folder = own_cells / key
        folder.mkdir(parents=True)
        write_json(folder / "spec.json", {**spec, "key": key})
        write_json(folder / "result.json", {"status": "ok"})
        store.seal(folder, key)
        (folder / "log.txt").write_text("what it said")  # no part of a cell
        folders.append(folder)
    data = archives.pack(folders)
    shutil.rmtree(own_cells)
    return data


def test_an_archive_is_taken_in_parts_or_whole(packed: bytes, tmp_path: Path) -> None:
    parts = tmp_path / "out"
    parts.mkdir()
    for number, start in enumerate(range(0, len(packed), 500), 1):
        (parts / f"cells.tar.gz.{number:03d}").write_bytes(packed[start : start + 500])
    (parts / "log.txt").write_text("what the machine said")
    assert store.import_from(parts) == (2, 0)
    assert not list(paths.CELLS.rglob("log.txt")) and not list(paths.CELLS.glob("unpacked-*"))
    whole = tmp_path / "cells.tar.gz"
    whole.write_bytes(packed)
    assert store.import_from(whole) == (0, 2)
    for folder in store.finished():
        store.verify(folder)


def test_an_archive_that_lacks_a_part_is_named_and_nothing_is_taken(packed: bytes, tmp_path: Path) -> None:
    (tmp_path / "cells.tar.gz.001").write_bytes(packed[:-300])
    with pytest.raises(CellError, match=r"cells.tar.gz: .*\(read cells.tar.gz.001\); copy all its parts again"):
        store.import_from(tmp_path)
    assert not list(store.finished())


@pytest.fixture(params=["this Python", "3.11.2"])
def filters(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first Pythons 3.11, Debian 12's among them, have no filters of members."""
    if request.param == "3.11.2":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)


def test_without_filters_files_and_folders_come_out_and_links_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    link = tarfile.TarInfo("folder/link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(tmp_path / "some.tar", "w") as archive:
        (tmp_path / "file").write_text("text")
        archive.add(tmp_path / "file", "folder/file")
        archive.addfile(link)
    with tarfile.open(tmp_path / "some.tar") as archive:
        archives.extract(archive, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out" / "folder").iterdir()] == ["file"]
    assert (tmp_path / "out" / "folder" / "file").read_text() == "text"


@pytest.mark.usefixtures("filters")
@pytest.mark.parametrize("name", ["../outside", "/tmp/outside_of_an_archive"])
def test_a_member_never_leaves_the_folder(own_cells: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "out" / "cells.tar"
    path.parent.mkdir()
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo(name)
        member.size = 4
        archive.addfile(member, io.BytesIO(b"evil"))
    with pytest.raises(CellError):
        store.import_from(path)
    assert not Path("/tmp/outside_of_an_archive").exists() and not list(tmp_path.rglob("outside"))


def test_an_archive_without_cells_is_named(own_cells: Path, tmp_path: Path) -> None:
    path = tmp_path / "cells.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo(f"{MARKER}.txt"))
    with pytest.raises(CellError, match="no finished cells"):
        store.import_from(path)
