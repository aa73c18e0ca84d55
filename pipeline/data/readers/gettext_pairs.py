"""Texts of a program's user interface and their translations, out of compiled catalogues of GNU gettext (`*.mo`).

Marks of keys (`~File`, `_File`) are taken out, line breaks become spaces, and placeholders (`%1`) stay. Left out are
texts with markup or of too few or too many words, those that are not translated, and plural forms but the first. Of
near-copies, texts of the same words whatever their case, order, digits and punctuation, one is kept, with its most
frequent translation. Pairs whose translations are near-copies go into one split; no test pair is nearly in train.
"""

import gettext
import hashlib
import io
import re
import struct
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from pipeline.data.raw import DataError, Raw
from pipeline.data.readers import _texts

KIND = "tokens"
MARKUP = re.compile(r"</?[A-Za-z][^<>]*>")


def read(
    folder: Path,
    *,
    shortest: Annotated[int, Field(ge=1)] = 3,
    longest: Annotated[int, Field(ge=1)] = 50,
    validation: Annotated[float, Field(gt=0, lt=0.5)] = 0.1,
    test: Annotated[float, Field(gt=0, lt=0.5)] = 0.1,
) -> Raw:
    """Texts (N,) and their translations (N,), of all catalogues in the folder, or in a zip archive in it.

    shortest, longest: number of words of both. validation, test: shares of the pairs. A pair's split follows from the
    digest of its translation, so it stays when others are added.
    """
    seen: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    left_out: Counter[str] = Counter()
    for source, target in _entries(folder):
        if reason := _reason(source, target, shortest, longest):
            left_out[reason] += 1
        else:
            seen[plain(source)][source, target] += 1
    pairs = sorted(min(found, key=lambda pair: (-found[pair], pair)) for found in seen.values())
    left_out["copies or near-copies"] = sum(found.total() for found in seen.values()) - len(pairs)
    parts: dict[str, list[tuple[str, str]]] = {"train": [], "validation": [], "test": []}
    for pair in pairs:
        share = int.from_bytes(hashlib.sha256(plain(pair[1]).encode()).digest()[:8], "big") / 2**64
        parts["test" if share < test else "validation" if share < test + validation else "train"].append(pair)
    if empty := [split for split, found in parts.items() if not found]:
        raise DataError(f"{folder}: {len(pairs)} pairs leave none for {', '.join(empty)}; left out: {_told(left_out)}")
    splits = {
        split: (_texts.objects([source for source, _ in found]), _texts.objects([target for _, target in found]))
        for split, found in parts.items()
    }
    return Raw(KIND, splits, remarks=(f"left out: {_told(left_out)}",))


def plain(text: str) -> str:
    """What near-copies have in common: a text's different words, in the order of the alphabet.

    >>> plain("Row 1: Height of row...")
    'height of row'
    """
    letters = "".join(c if c.isalpha() else " " for c in text.casefold())
    return " ".join(sorted(set(letters.split())))


def _entries(folder: Path) -> Iterator[tuple[str, str]]:
    """All texts with their translations, without marks of keys."""
    found = [(place, content) for place, content in _texts.contents(folder) if place.lower().endswith(".mo")]
    if not found:
        raise DataError(f"{folder}: no catalogues *.mo")
    for place, content in found:
        try:
            catalogue = gettext.GNUTranslations(io.BytesIO(content))._catalog  # type: ignore[attr-defined]
        except (OSError, ValueError, struct.error) as error:
            raise DataError(f"{place}: no catalogue of gettext: {error}") from error
        for key, target in catalogue.items():
            message, form = key if isinstance(key, tuple) else (key, 0)
            context, _, source = message.rpartition("\4")
            if source and form == 0:
                yield _unmarked(source, context), _unmarked(target, context)


def _unmarked(text: str, context: str) -> str:
    """Without marks of keys: `_` stands within words where the context says that it is a widget's (`dialog|button`)."""
    return " ".join(re.sub(r"[~_](?=\w)" if "|" in context else r"~(?=\w)|(?<!\w)_(?=\w)", "", text).split())


def _reason(source: str, target: str, shortest: int, longest: int) -> str:
    """Why a pair is left out, nothing where it is not."""
    if not all(shortest <= len(text.split()) <= longest for text in (source, target)):
        return f"fewer than {shortest} or more than {longest} words"
    if MARKUP.search(source) or MARKUP.search(target):
        return "markup"
    if not plain(source) or not plain(target):
        return "no words"
    return "not translated" if source == target else ""


def _told(left_out: Counter[str]) -> str:
    return ", ".join(f"{count} ({reason})" for reason, count in sorted(left_out.items()))
