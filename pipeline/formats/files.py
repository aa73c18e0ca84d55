"""The file that each format keeps a model in. Light to import, and no list: a new format makes nothing again."""

from functools import cache
from pathlib import Path

from pipeline import introspection
from pipeline.cells.cell import CellError


@cache
def known() -> dict[str, str]:
    """Format, a module of this folder -> name of its file."""
    found = {name: introspection.constant(f"formats/{name}", "FILE", None) for name in introspection.names("formats")}
    return {name: file for name, file in found.items() if file}


def format_of(folder: Path) -> str:
    """The format that `folder` keeps a model in; CellError where it keeps none."""
    found = next((name for name, file in known().items() if (folder / file).is_file()), None)
    if found is None:
        raise CellError(f"{folder}: no model is kept there (looked for {', '.join(known().values())})")
    return found


def is_whole(name: str) -> bool:
    """Whether the format's file is the whole model, so that no source of its architecture is needed to open it."""
    return bool(introspection.constant(f"formats/{name}", "WHOLE"))
