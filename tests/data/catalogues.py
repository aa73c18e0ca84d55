"""Compiled catalogues of gettext, for tests: written, and read without Python's gettext."""

import struct
from pathlib import Path


def write(path: Path, entries: dict[str, str]) -> Path:
    """entries: translations by message; a message is `context\\4text`, and one with a plural `text\\0plural`."""
    keys = {"": "Content-Type: text/plain; charset=UTF-8\n"} | dict(sorted(entries.items()))
    texts, tables, start = b"", [b"", b""], 28 + 16 * len(keys)
    for place, words in enumerate((keys, keys.values())):
        for word in words:
            tables[place] += struct.pack("<II", len(word.encode()), start + len(texts))
            texts += word.encode() + b"\0"
    header = struct.pack("<7I", 0x950412DE, 0, len(keys), 28, 28 + 8 * len(keys), 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(header + tables[0] + tables[1] + texts)
    return path


def read(content: bytes) -> dict[str, str]:
    """The same entries, without the header."""
    count, *starts = struct.unpack_from("<3I", content, 8)
    found = []
    for start in starts:
        places = struct.iter_unpack("<II", content[start : start + 8 * count])
        found.append([content[offset : offset + length].decode() for length, offset in places])
    entries = dict(zip(*found, strict=True))
    entries.pop("")
    return entries
