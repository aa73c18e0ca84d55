"""registry.jsonl: one JSON object a line, appended, never edited: the numbers and aliases of registered models.

    version  name and number of a registered model, with the hash of its weights
    alias    name, alias and the number that it was moved to; null took it away

Order of writing. A line is on disk (fsync) before the store is touched, so the store never holds what the ledger does
not say. A crash in between leaves the store behind the ledger, which is the same state as after a deleted store, and
the next publish mends both by the same path: make what is missing. Were the store written first, a
crash would leave a version without a line, its number would go to another model on the next machine, and a second way
to recover would have to exist. A torn last line was never acted upon, so cutting it off loses nothing: the publish that
wrote it had not come to the store, and the next one appends it again.

A version's number is the ledger's to give: the length of the name's list plus one. MLflow counts the same way, and
`store` compares. Where Git merged two branches that both gave a number, the first line keeps it; the later model gets
the next free one when it is published again.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.errors import Told

Line = dict[str, Any]
KINDS = {"version": "artifact_hash", "alias": "alias"}  # and what a line of each has beside its name and number


class LedgerError(Told, RuntimeError):
    """A ledger that is damaged other than by a torn last line."""


class Ledger:
    """versions: by name, the lines in order of their numbers, None where a number was never written down.

    aliases: by name, alias -> number.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.versions: dict[str, list[Line | None]] = {}
        self.aliases: dict[str, dict[str, int]] = {}
        _mend(path)
        for line in read(path):
            self._take(line)

    def append(self, lines: Iterable[Line]) -> None:
        """Write and wait for the disk, then take note."""
        lines = list(lines)
        if not lines:
            return
        text = "".join(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n" for line in lines)
        with self.path.open("ab") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        for line in lines:
            self._take(line)

    def number(self, line: Line) -> int | None:
        """Number under which these weights are registered for the same profile, experiment and variant."""
        wanted = [line[k] for k in ("profile", "experiment", "variant", "artifact_hash")]
        for given in reversed(self.versions.get(line["name"], [])):
            if given and [given.get(k) for k in ("profile", "experiment", "variant", "artifact_hash")] == wanted:
                return int(given["version"])
        return None

    def next_number(self, name: str) -> int:
        return len(self.versions.get(name, [])) + 1

    def _take(self, line: Line) -> None:
        kind = line.get("kind")
        if kind == "version":
            given = self.versions.setdefault(line["name"], [])
            given.extend([None] * (line["version"] - len(given)))
            given[line["version"] - 1] = given[line["version"] - 1] or line
        elif kind == "alias" and line["version"] is None:
            self.aliases.get(line["name"], {}).pop(line["alias"], None)
        elif kind == "alias":
            self.aliases.setdefault(line["name"], {})[line["alias"]] = line["version"]


def read(path: Path) -> list[Line]:
    """All lines, none where there is no file; LedgerError names a damaged one. Writes nothing."""
    lines = []
    for number, text in enumerate(path.read_bytes().splitlines() if path.exists() else [], start=1):
        line = _parsed(text)
        if line is None:
            raise LedgerError(
                f"{path.name}:{number}: no version and no alias ({text[:40]!r}...); restore the line from Git "
                f"(`git diff {path.name}` shows it, `git checkout {path.name}` undoes all edits) or delete it"
            )
        lines.append(line)
    return lines


def _mend(path: Path) -> None:
    """Cut a torn last line off, or give a whole one its end: an editor may have left it without."""
    content = path.read_bytes() if path.exists() else b""
    whole, tail = content[: content.rfind(b"\n") + 1], content[content.rfind(b"\n") + 1 :]
    if tail:
        draft = path.with_name(path.name + ".part")
        draft.write_bytes(whole + (tail + b"\n" if _parsed(tail) else b""))
        draft.replace(path)


def _parsed(text: bytes) -> Line | None:
    """A line of the ledger, None if it is none."""
    try:
        line = json.loads(text)
        known = line["kind"] in KINDS and isinstance(line["name"], str) and KINDS[line["kind"]] in line
        numbered = isinstance(line["version"], int) or (line["version"] is None and line["kind"] == "alias")
        return line if known and numbered else None
    except (ValueError, TypeError, KeyError):
        return None
