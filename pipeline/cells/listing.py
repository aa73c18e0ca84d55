"""What counts of a folder: digests and readers see the same files. Links are followed, hidden names are not."""

from collections.abc import Iterator
from pathlib import Path

CLUTTER = {"__macosx", "thumbs.db"}  # what systems leave behind, beside names that begin with a dot


def entries(folder: Path) -> list[Path]:
    """Files and folders in `folder` itself, by name."""
    seen = (p for p in folder.iterdir() if not p.name.startswith(".") and p.name.lower() not in CLUTTER)
    return sorted(seen, key=lambda path: path.name)


def files(folder: Path, above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Files below `folder` at any depth, by name, and links to nothing. A link to a folder `above` it leads nowhere."""
    real = folder.resolve()
    for entry in entries(folder) if real not in above else ():
        if entry.is_dir():
            yield from files(entry, above | {real})
        elif entry.is_file() or entry.is_symlink():
            yield entry
