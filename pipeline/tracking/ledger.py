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
        for line in _read(path):
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


def _read(path: Path) -> list[Line]:
    """All lines; a torn last one is cut off. LedgerError names a damaged line further up."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole, tail = content[: content.rfind(b"\n") + 1], content[content.rfind(b"\n") + 1 :]
    if tail:
        # An editor may have left a good last line without its end; only half of one is torn.
        whole += tail + b"\n" if _is_object(tail) else b""
        draft = path.with_name(path.name + ".part")
        draft.write_bytes(whole)
        draft.replace(path)
    lines = []
    for number, text in enumerate(whole.splitlines(), start=1):
        if not _is_object(text):
            raise LedgerError(
                f"{path.name}:{number}: not a JSON object ({text[:40]!r}...); restore the line from Git "
                f"(git log -p {path.name}) or delete it, then publish again"
            )
        lines.append(json.loads(text))
    return lines


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
