"""Get a data set's files: the ways of its card, one after another, and nothing unverified at its final path.

A card (`pipeline/data/cards/*.yaml`) gives title, licence, citation, the sha256 of each file's decompressed content,
and the `ways` to get them. A path of the user's own is only recorded, with its digest.
"""

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.cells.cell import write_json
from pipeline.data.spec import Fetch as Spec

TIMEOUT = 120  # seconds without an answer before the next way is tried


class FetchError(RuntimeError):
    """No way delivered what the card promises."""


def run(spec: Spec, folder: Path, inputs: dict[str, Path]) -> dict[str, Any]:
    """Write the decompressed files and `card.json`; FetchError tells what became of each way."""
    source = Path(spec.source)
    if not spec.card:
        write_json(folder / "card.json", {"title": source.name, "path": str(source), "licence": "your own"})
        # Data of another content is another input of whatever reads it, under the same path or not.
        write_json(folder / "content.json", {"digest": spec.digest})
        return {"status": "ok"}
    card = YAML(typ="safe").load(source.read_text(encoding="utf-8"))
    failures = []
    for way in card["ways"]:
        with tempfile.TemporaryDirectory(dir=folder, prefix="draft-") as draft:
            try:
                WAYS[way["way"]](way, Path(draft))
                for name, member in way["files"].items():
                    _unpack(Path(draft) / member, Path(draft) / name, card["files"][name])
                for name in card["files"]:
                    (Path(draft) / name).replace(folder / name)
            except Exception as error:  # whatever is wrong with one way, the next may do
                failures.append(f"  {way['way']}: {_told(error)}")
                print(failures[-1], flush=True)
                continue
        write_json(folder / "card.json", {k: card[k] for k in ("title", "licence", "citation", "files")})
        return {"status": "ok"}
    raise FetchError(f"{card['title']}: no way of {source} delivered it:\n" + "\n".join(failures))


def _told(error: Exception) -> str:
    said = (getattr(error, "stderr", None) or "").strip().splitlines()
    return f"{type(error).__name__}: {error}" + (f" ({said[-1]})" if said else "")


def _unpack(packed: Path, target: Path, digest: str) -> None:
    """Decompress if need be, and check."""
    draft = target.with_name(target.name + ".part")
    with (gzip.open if packed.suffix == ".gz" else open)(packed, "rb") as source, draft.open("wb") as out:
        shutil.copyfileobj(source, out)
    algorithm = "md5" if len(digest) == 32 else "sha256"  # some authors publish only the former
    with draft.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if found != digest:
        raise FetchError(
            f"{packed.name} is not the file that the card names: {algorithm} of its content is {found}, "
            f"expected {digest} ({draft.stat().st_size} bytes)"
        )
    draft.replace(target)


def _command(*words: str, cwd: Path) -> None:
    subprocess.run(words, cwd=cwd, check=True, capture_output=True, text=True, timeout=TIMEOUT)


def _debian(way: dict[str, Any], draft: Path) -> None:
    """A Debian package, downloaded and unpacked without being installed."""
    try:
        _command("apt-get", "download", way["package"], cwd=draft)
    except subprocess.CalledProcessError:
        _command("apt-get", "update", cwd=draft)  # a fresh machine has no package lists
        _command("apt-get", "download", way["package"], cwd=draft)
    _command("dpkg-deb", "-x", next(draft.glob("*.deb")).name, ".", cwd=draft)


def _pip(way: dict[str, Any], draft: Path) -> None:
    """A Python package, downloaded and unpacked without being installed."""
    options = ("--quiet", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check")
    _command(sys.executable, "-m", "pip", "download", *options, f"{way['package']}=={way['version']}", cwd=draft)
    with zipfile.ZipFile(next(draft.glob("*.whl"))) as wheel:
        for member in way["files"].values():
            wheel.extract(member, draft)


def _npm(way: dict[str, Any], draft: Path) -> None:
    """A JavaScript package, downloaded and unpacked without being installed."""
    _command("npm", "pack", "--silent", f"{way['package']}@{way['version']}", cwd=draft)
    _untar(next(draft.glob("*.tgz")), way, draft)


def _untar(archive: Path, way: dict[str, Any], draft: Path) -> None:
    with tarfile.open(archive) as tar:
        for member in way["files"].values():
            tar.extract(member, draft, filter="data")


def _torchvision_archive(way: dict[str, Any], draft: Path) -> None:
    """The data set's own archive, from where torchvision says."""
    from torchvision import datasets

    source = getattr(datasets, way["data_set"]).url
    with urllib.request.urlopen(source, timeout=TIMEOUT) as answer, (draft / "archive").open("wb") as out:
        shutil.copyfileobj(answer, out)
    _untar(draft / "archive", way, draft)


def _torchvision(way: dict[str, Any], draft: Path) -> None:
    """The data set's own mirrors, as torchvision lists them."""
    from torchvision import datasets

    mirrors = getattr(datasets, way["data_set"]).mirrors
    for name in way["files"].values():
        for number, mirror in enumerate(mirrors):
            try:
                with urllib.request.urlopen(mirror + name, timeout=TIMEOUT) as answer, (draft / name).open("wb") as out:
                    shutil.copyfileobj(answer, out)
                break
            except OSError:
                if number == len(mirrors) - 1:
                    raise


def _installed(way: dict[str, Any], draft: Path) -> None:
    """Files that an installed Python package brings."""
    found = find_spec(way["module"])
    if found is None or not found.origin:
        raise FetchError(f"Python module {way['module']} is not installed")
    for member in way["files"].values():
        (draft / member).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(os.path.join(os.path.dirname(found.origin), member), draft / member)


WAYS: dict[str, Callable[[dict[str, Any], Path], None]] = {
    "debian": _debian,
    "npm": _npm,
    "pip": _pip,
    "torchvision": _torchvision,
    "torchvision_archive": _torchvision_archive,
    "installed": _installed,
}
