"""The project's own source files, and what they import."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
# What asks for cells and moves them. Parameters decide which are asked for, and a cell's key covers the rest; so a
# stage need not depend on these files, nor on what only they import.
PLUMBING = ["cells", "cli", "config", "dvc", "introspection", "lifetime", "paths", "run"]


def modules(*folders: str) -> list[Path]:
    return sorted(p for folder in folders for p in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    """`data.prepare` of pipeline/data/prepare.py."""
    return ".".join(path.relative_to(ROOT / "pipeline").with_suffix("").parts)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imported(path: Path) -> Iterator[str]:
    """Dotted names of all imports of a file, inside functions too; of `from a import b` both a and a.b."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import is not seen by pipeline.cells.fingerprint"
            yield from [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]


def ours(path: Path) -> set[str]:
    """Files of the package that a file imports, as `data.prepare`."""
    names = {n.removeprefix("pipeline.") for n in imported(path) if n.startswith("pipeline.")}
    return {n for n in names if (ROOT / "pipeline" / f"{n.replace('.', '/')}.py").is_file()}
