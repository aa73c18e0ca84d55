"""Which file of a folder holds which split."""

from collections.abc import Collection
from pathlib import Path

from pipeline.cells import listing
from pipeline.data.raw import DataError, split_of


def files(folder: Path, endings: Collection[str], besides: str = "") -> dict[str, Path]:
    """One file, or one named as each split: `train.csv`, `val.csv`, `tr_imst-ud-test.conllu`; DataError otherwise.

    endings: of the names that count, in small letters; any where `folder` is a file. besides: a name that doesn't.
    """
    if folder.is_file():
        return {"train": folder}
    visible = listing.entries(folder) if folder.is_dir() else []
    named = [f for f in visible if f.suffix.lower() in endings and f.name != besides]
    found = {_split(f.stem) if len(named) > 1 else split_of(f.stem) or "train": f for f in named}
    ending, *others = endings
    if not named or len(found) < len(named) or None in found or "train" not in found:
        raise DataError(
            f"{folder}: expected one {ending}, or train{ending} and test{ending}, and validation{ending} if there is "
            f"one; found {[f.name for f in named]}; write the path of the one that is meant as `source`"
        )
    other = [f.name for f in visible if f not in named and f.name != besides and f.suffix != ".json"]
    if splits := [name for name in other if split_of(name.partition(".")[0])]:
        raise DataError(
            f"{folder}: {splits[0]} is named as a split, but is no {' or '.join((ending, *others))}; unpack it, or "
            "move it away"
        )
    return {str(split): path for split, path in found.items()}


def _split(stem: str) -> str | None:
    return split_of(stem) or split_of(stem.rpartition("-")[2])
