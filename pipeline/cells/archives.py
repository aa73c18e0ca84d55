"""Cells as tar archives, for the way from one machine to another: packed in parts of a limited size, unpacked safely.

An archive is one file, `NAME.tar`, `NAME.tar.gz` or `NAME.tar.xz`, or its bytes cut into `NAME.tar.gz.001`, `.002` and
so on, as `split` makes them. Its members are `<key>/<file>`.
"""

import io
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterable
from itertools import groupby
from lzma import LZMAError
from pathlib import Path
from typing import Any

from pipeline.cells.cell import MARKER, CellError, on_disk, read_json

NAME = re.compile(r"(.+\.tar(?:\.gz|\.xz)?)(?:\.(\d{3}))?")


def pack(folders: Iterable[Path], compressed: bool = True) -> bytes:
    """Finished cells as one .tar.gz or .tar: the files that their markers list, and the markers.

    Weights hardly compress.
    """
    packed = io.BytesIO()
    options: dict[str, Any] = {"mode": "w:gz", "compresslevel": 1} if compressed else {"mode": "w"}
    with tarfile.open(fileobj=packed, **options) as archive:
        for folder in folders:
            add(archive, folder)
    return packed.getvalue()


def add(archive: tarfile.TarFile, folder: Path) -> None:
    for name in on_disk(read_json(folder / MARKER)):
        archive.add(folder / name, f"{folder.name}/{name}")


def found(source: Path) -> dict[str, list[Path]]:
    """Archives at `source`, a folder or one of them, by name; of each its parts in order."""
    files = sorted(source.iterdir()) if source.is_dir() else [source]
    named = [(match[1], path) for path in files if path.is_file() and (match := NAME.fullmatch(path.name))]
    return {name: [path for _, path in parts] for name, parts in groupby(named, key=lambda pair: pair[0])}


def extract(archive: tarfile.TarFile, target: Path) -> None:
    """Its files and folders into `target`, and nothing outside of it: tarfile.TarError."""
    if hasattr(tarfile, "data_filter"):
        archive.extractall(target, filter="data")
        return
    for member in archive:  # Python 3.11.0 to 3.11.3, Debian 12's among them, has no filters
        if not (target / member.name).resolve().is_relative_to(target.resolve()):
            raise tarfile.TarError(f"{member.name!r} would be written outside of {target}")
        if member.isfile() or member.isdir():
            archive.extract(member, target)


def unpack(archives: dict[str, list[Path]], target: Path) -> None:
    """Into `target`, and nothing outside of it; CellError names the archive that is damaged or lacks a part."""
    for name, parts in archives.items():
        whole = target / name
        with whole.open("wb") as file:
            for part in parts:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, file)
        try:
            with tarfile.open(whole) as archive:
                extract(archive, target)
        except (tarfile.TarError, EOFError, LZMAError, zlib.error, OSError) as error:
            shown = ", ".join(part.name for part in parts)
            raise CellError(f"{parts[0].parent / name}: {error} (read {shown}); copy all its parts again") from error
        whole.unlink()
