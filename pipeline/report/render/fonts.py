"""Fonts for names in any script: matplotlib's own knows European ones alone, and draws a box for the others."""

import contextlib
from collections.abc import Iterable
from functools import lru_cache

from matplotlib import font_manager, ft2font

OWN = "DejaVu Sans"


def families(texts: Iterable[str]) -> tuple[list[str], str]:
    """Families that draw the texts together, best first, and the characters that no installed font has."""
    missing = {c for text in texts for c in text if c.isprintable()} - _characters(font_manager.findfont(OWN))
    found = [OWN]
    if missing:  # matplotlib remembers the fonts of its first start
        for path in set(font_manager.findSystemFonts()) - {entry.fname for entry in font_manager.fontManager.ttflist}:
            with contextlib.suppress(OSError, RuntimeError, ValueError):  # a damaged font file is none
                font_manager.fontManager.addfont(path)
    for entry in sorted(font_manager.fontManager.ttflist, key=lambda e: (e.name.startswith("Unifont"), e.name)):
        if missing and entry.name not in found and (has := missing & _characters(entry.fname)):
            found.append(entry.name)
            missing -= has
    return found, "".join(sorted(missing))


def drawable(text: str, missing: str) -> str:
    """The text with the number of each character that no font has: `\\u732b`."""
    return "".join(c.encode("ascii", "backslashreplace").decode() if c in missing or not c.isprintable() else c
                   for c in text)  # fmt: skip


@lru_cache
def _characters(path: str) -> frozenset[str]:
    try:
        return frozenset(map(chr, ft2font.FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):  # a font file that can't be opened is none
        return frozenset()
