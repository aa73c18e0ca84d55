"""Get a data set's files: the ways of its card, one after another, and nothing unverified at its final path.

A card (`pipeline/data/cards/*.yaml`) gives title, licence, citation, the sha256 of each file's decompressed content,
and the `ways` to get them. A path of the user's own is only recorded, with its digest.

What a way brings is named by its path in the package; `data.tar.gz!/sub/table.csv` is a file in an archive in it. A
path with a `*` stands for many files, which become one zip archive. The sha256 of that is taken of what
`LC_ALL=C sha256sum` prints of the files, in the folder before the `*`: `sw.mo`, or `spam-1/0001.txt`.
"""

import gzip
import hashlib
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

from pipeline.cells import archives
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
                Path(draft, "checked").mkdir()
                for name, member in way["files"].items():
                    _deliver(Path(draft), member, Path(draft, "checked", name), card["files"][name])
                for name in card["files"]:
                    Path(draft, "checked", name).replace(folder / name)
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


def _deliver(draft: Path, member: str, target: Path, digest: str) -> None:
    """Put what a way brought into `draft` to `target`, decompressed and checked."""
    archive, inner, name = member.rpartition("!/")
    if inner:
        _extract(draft / archive, draft)
    algorithm = "md5" if len(digest) == 32 else "sha256"  # some authors publish only the former
    if "*" in name:
        found, size = _pack(draft, name, target)
    else:
        _unpack(draft / name, target)
        found, size = _digest(target, algorithm), f"{target.stat().st_size} bytes"
    if found != digest:
        raise FetchError(
            f"{name} is not the file that the card names: {algorithm} of its content is {found}, expected {digest} "
            f"({size})"
        )


def _pack(draft: Path, pattern: str, target: Path) -> tuple[str, str]:
    """Put many files into one archive, the same bytes each time; sha256 of the list of them, and how many they are."""
    root = draft / pattern[: pattern.index("*")].rpartition("/")[0]
    files = {path.relative_to(root).as_posix(): path for path in draft.glob(pattern)}
    with zipfile.ZipFile(target, "w") as archive:
        for name, path in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes())
    listed = "".join(f"{_digest(path)}  {name}\n" for name, path in sorted(files.items()))
    return hashlib.sha256(listed.encode()).hexdigest(), f"{len(files)} files"


def _unpack(packed: Path, target: Path) -> None:
    """Decompress if need be."""
    with (gzip.open if packed.suffix == ".gz" else open)(packed, "rb") as source, target.open("wb") as out:
        shutil.copyfileobj(source, out)


def _digest(path: Path, algorithm: str = "sha256") -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _extract(archive: Path, folder: Path) -> None:
    """All that is in an archive, zip or tar, and nothing outside the folder."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
    else:
        with tarfile.open(archive) as tar:
            archives.extract(tar, folder)


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
    """A Python package, downloaded and unpacked without being installed.

    A package that has no wheel is a source archive, whose `setup.py` pip runs: the way names its sha256 as `archive`,
    which pip checks before.
    """
    options = ["--quiet", "--no-deps", "--disable-pip-version-check", "--dest", "package"]
    pinned = f"{way['package']}=={way['version']}"
    if "archive" in way:
        (draft / "requirements.txt").write_text(f"{pinned} --hash=sha256:{way['archive']}\n")
        options += ["--require-hashes", "-r", "requirements.txt"]
    else:
        options += ["--only-binary=:all:", pinned]
    _command(sys.executable, "-m", "pip", "download", *options, cwd=draft)
    _extract(next((draft / "package").iterdir()), draft)


def _npm(way: dict[str, Any], draft: Path) -> None:
    """A JavaScript package, downloaded and unpacked without being installed."""
    _command("npm", "pack", "--silent", f"{way['package']}@{way['version']}", cwd=draft)
    _extract(next(draft.glob("*.tgz")), draft)


def _torchvision_archive(way: dict[str, Any], draft: Path) -> None:
    """The data set's own archive, from where torchvision says."""
    from torchvision import datasets

    source = getattr(datasets, way["data_set"]).url
    with urllib.request.urlopen(source, timeout=TIMEOUT) as answer, (draft / "archive").open("wb") as out:
        shutil.copyfileobj(answer, out)
    _extract(draft / "archive", draft)


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
    root = Path(found.origin).parent
    for member in (member.partition("!/")[0] for member in way["files"].values()):
        for path in sorted(root.glob(member)) or [root / member]:
            copy = draft / path.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


WAYS: dict[str, Callable[[dict[str, Any], Path], None]] = {
    "debian": _debian,
    "npm": _npm,
    "pip": _pip,
    "torchvision": _torchvision,
    "torchvision_archive": _torchvision_archive,
    "installed": _installed,
}
