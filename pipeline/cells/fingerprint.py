"""Digests: of files, of folders, and of the source code that a piece of work can import.

A source file counts without its comments, docstrings and blank lines, so that writing a better comment retrains
nothing. Digests are remembered under the file's size and times, so that asking again costs a stat.
"""

import ast
import hashlib
import io
import json
import os
import tokenize
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline.cells import listing
from pipeline.paths import CELLS

PACKAGE = Path(__file__).parents[1]
# Where a cell lies, how its parameters are checked, when its process ends: nothing here changes what a cell contains.
PLUMBING = {
    f"pipeline/{name}.py"
    for name in (
        "cells/cell",
        "cells/environment",
        "cells/fingerprint",
        "cells/listing",
        "cells/provenance",
        "cells/store",
        "errors",
        "introspection",
        "lifetime",
        "paths",
    )
}
_cache: dict[str, Any] = {}
_cache_file = CELLS / "digests.json"
# Digests of files that this process has read, or the one that it was forked from.
_read: dict[tuple[Any, ...], str] = {}


def of_json(value: Any) -> str:
    """sha256 of a JSON value in canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def of_file(path: Path) -> str:
    """sha256 of a file's bytes, read afresh."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_untouched(path: Path) -> str:
    """sha256 of a file's bytes, read in this process or before it was forked, and untouched since."""
    known = (path, *_stamp(path))
    if known not in _read:
        _read[known] = of_file(path)
    return _read[known]


def of_path(path: Path) -> str:
    """Digest of a file, or of a folder's relative names and contents, links followed, hidden ones left out.

    FileNotFoundError where there is none.
    """
    if path.is_file():
        return _remembered(path, of_file)
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: no such file or folder")
    files = sorted(p for p in listing.files(path) if p.is_file())
    return of_json([[str(p.relative_to(path)), _remembered(p, of_file)] for p in files])


def sources(modules: Iterable[str]) -> dict[str, str]:
    """Digest of each file of `pipeline/` that `modules` can import, directly or not, by path.

    Modules are dotted (`pipeline.training.train`). What is looked up by name at run time must be passed in.
    """
    found: dict[str, str] = {}
    root = str(PACKAGE.parent)
    queue = [m.replace(".", "/") + ".py" for m in modules]
    while queue:
        name = queue.pop()
        if name not in found and name not in PLUMBING:
            found[name], imports = _remembered(f"{root}/{name}", _read_source)
            queue += imports
    return dict(sorted(found.items()))


def require_same(asked: dict[str, str], used: dict[str, str]) -> None:
    """RuntimeError where work would be done with other code than its key names: the code on disk when it was made."""
    if changed := [name for name, digest in asked.items() if used.get(name) != digest]:
        raise RuntimeError(f"edited while this ran: {', '.join(changed)}; run the same command again")


def save() -> None:
    """Keep what was learned for the next process; where that can't be written, it only costs time."""
    if _cache.pop("changed", False):
        draft = _cache_file.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            CELLS.mkdir(exist_ok=True)
            draft.write_text(json.dumps(_cache))
            draft.replace(_cache_file)
        with suppress(OSError):
            draft.unlink()


def _remembered(path: Path | str, compute: Any) -> Any:
    if not _cache:
        _cache.update(_kept())
    name, stamp = f"{compute.__name__} {path}", _stamp(path)
    entry = _cache.get(name)
    if not entry or entry[0] != stamp:
        entry = _cache[name] = [stamp, compute(Path(path))]
        _cache["changed"] = True
    return entry[1]


def _stamp(path: Path | str) -> list[int]:
    """What changes with a file: also the time of its last change, which nobody can set."""
    stat = os.stat(path)
    return [stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _kept() -> dict[str, Any]:
    try:
        return dict(json.loads(_cache_file.read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def _read_source(path: Path) -> tuple[str, list[str]]:
    """(digest of the code without comments and docstrings, files of this package that it imports)."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    return hashlib.sha256(code(text, tree).encode()).hexdigest(), sorted(_imports(tree))


def code(text: str, tree: ast.Module) -> str:
    """Source without comments, docstrings and blank lines; code on the line of a docstring stays."""
    lines = text.split("\n")  # as the parser counts them; splitlines() also cuts at form feeds
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            first, last = body[0].lineno - 1, body[0].end_lineno - 1
            before = lines[first].encode()[: body[0].col_offset]  # the parser counts columns in bytes
            after = lines[last].encode()[body[0].end_col_offset :]
            lines[first : last + 1] = [(before + after).decode()] + [""] * (last - first)
    return "\n".join(line.rstrip() for line in lines if line.strip())


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imports(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    files = (n.replace(".", "/") + ".py" for n in names if n.startswith("pipeline."))
    return {f for f in files if (PACKAGE.parent / f).is_file()}
