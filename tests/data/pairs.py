"""A small corpus of pairs: counting in English and in French."""

from pathlib import Path
from typing import Any

from pipeline.cells.cell import write_json
from pipeline.data import prepare
from pipeline.data.spec import Prepare, Split, Tokens

ENGLISH = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
FRENCH = ["zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"]


def spoken(number: int, words: list[str]) -> str:
    return " ".join(words[int(digit)] for digit in str(number))


def write(folder: Path, numbers: dict[str, list[int]]) -> None:
    """`<split>.en` and `<split>.fr`."""
    for split, found in numbers.items():
        for language, words in (("en", ENGLISH), ("fr", FRENCH)):
            lines = "".join(spoken(number, words) + "\n" for number in found)
            (folder / f"{split}.{language}").write_text(lines, encoding="utf-8")


def prepared(
    root: Path, numbers: dict[str, list[int]] | None = None, by: str = "words", length: int = 8, **options: Any
) -> Path:
    """The folder of a prepare cell, below `root`; its task is to say in French what is said in English."""
    raw, folder = root / "raw", root / "prepared" / "counting"
    for place in (raw, folder):
        place.mkdir(parents=True)
    mixed = [number * 7919 % 90000 + 10000 for number in range(570)]
    every = {"train": mixed[:500], "validation": mixed[500:530], "test": mixed[530:]}
    write(raw, numbers or every)
    write_json(raw / "card.json", {"title": "mine", "path": str(raw)})
    spec = Prepare(
        data="counting",
        reader="parallel",
        options={"source_language": "en", "target_language": "fr"},
        task="translation",
        split=Split(),
        tokens=Tokens(by=by, length=length, options=options),
    )
    prepare.run(spec, folder, {"raw": raw})
    return folder
