"""CoNLL-U, the format of Universal Dependencies: sentences of words with their tags.

Nivre et al. (2020): Universal Dependencies v2. A line is a word of ten columns, an empty line ends a sentence. Words
that are written together (`1-2`) are read as the words that they are made of, and words that are not written (`1.1`)
are left out.
"""

import itertools
import re
from pathlib import Path
from typing import Literal

from pipeline.data.raw import DataError, Raw
from pipeline.data.readers import _splits, _texts

KIND = "tokens"
COLUMN = {"upos": 3, "xpos": 4}
Sentence = tuple[tuple[str, ...], tuple[str, ...], str]


def read(
    folder: Path,
    *,
    tag: Literal["upos", "xpos"] = "upos",
    files: list[str] = [],  # noqa: B006 (read as a literal, never changed)
    tenths: bool = False,
) -> Raw:
    """Tuples of words (N,) and tuples of tags (N,), one a word.

    files: names of those in the folder that are read, one after another, if not one or one for each split. tenths: of
    ten sentences of a file the ninth is of validation and the tenth of test, the split of Kayadelen et al. (2020).
    """
    paths = [("train", folder / name) for name in files] or list(_splits.files(folder, (".conllu",)).items())
    if tenths and {split for split, _ in paths} != {"train"}:
        raise DataError(f"{folder}: option tenths goes with files that are not named as splits")
    sentences: dict[str, list[Sentence]] = {}
    for split, path in paths:
        for number, sentence in enumerate(_sentences(path, COLUMN[tag], tag)):
            part = {8: "validation", 9: "test"}.get(number % 10, split) if tenths else split
            sentences.setdefault(part, []).append(sentence)
    splits = {
        split: (_texts.objects([words for words, _, _ in found]), _texts.objects([tags for _, tags, _ in found]))
        for split, found in sentences.items()
    }
    return Raw(KIND, splits, where=lambda split, number: sentences[split][number][2])


def _sentences(path: Path, column: int, tag: str) -> list[Sentence]:
    """Words, tags and place of each sentence. DataError with the first line that is malformed, and how many."""
    found: list[Sentence] = []
    bad = []
    lines = enumerate(_texts.decoded(path, "utf-8").split("\n"), 1)
    for empty, block in itertools.groupby(lines, lambda line: not line[1].strip()):
        words: list[str] = []
        tags: list[str] = []
        start = 0
        for number, line in () if empty else block:
            cells = line.split("\t")
            if line.startswith("#") or re.fullmatch(r"[0-9]+-[0-9]+|[0-9]+\.[0-9]+", cells[0]):
                continue
            if why := _reason(cells, len(words) + 1, column, tag):
                bad.append(f"{path}:{number}: {line[:60]!r} {why}")
                break
            start = start or number
            words.append(cells[1])
            tags.append(cells[column])
        if words:
            found.append((tuple(words), tuple(tags), f"{path}:{start}"))
    if bad:
        raise DataError(f"{bad[0]}; sentences that are malformed: {len(bad)}; correct or remove them")
    if not found:
        raise DataError(f"{path}: no sentences")
    return found


def _reason(cells: list[str], number: int, column: int, tag: str) -> str | None:
    """Why a line is no word, None where it is."""
    if len(cells) != 10 or cells[0] != str(number):
        return f"is no word {number} of ten columns with tabs between them"
    if not cells[1].strip():
        return "is a word without form"
    if cells[column] in ("_", ""):
        return f"is a word without {tag}, and option `tag` names another column"
    return None
