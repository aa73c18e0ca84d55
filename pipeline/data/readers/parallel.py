"""Sentences and their translations: two aligned files, such as `train.en` and `train.fr`, or a table of pairs."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from pipeline.cells import listing
from pipeline.data.raw import DataError, Raw, split_of
from pipeline.data.readers import _splits, _texts
from pipeline.data.readers._csv_columns import arranged
from pipeline.data.readers._csv_file import Dialect, File

KIND = "tokens"
Pairs = tuple[list[str], list[str], str, list[int]]


def read(
    folder: Path,
    *,
    source_language: str = "",
    target_language: str = "",
    source: int | str = 0,
    target: int | str = 1,
    skip: Annotated[int, Field(ge=0)] = 0,
    header: bool | None = None,
    delimiter: Annotated[str, Field(pattern=r"^[ -~\t]$")] | None = None,
    encoding: str = "utf-8",
    quotes: bool = True,
) -> Raw:
    """Sentences (N,) and their translations (N,).

    source_language, target_language: endings of aligned files, such as `en` and `fr`; line n of one is line n of the
    other. Without them a table is read, whose columns are `source` and `target`; its other options are those of
    `text_table`.
    """
    if bool(source_language) != bool(target_language):
        raise DataError(f"{folder}: options source_language and target_language go together, or a table is read")
    pairs = {}
    if source_language:
        for split, paths in _aligned(folder, source_language, target_language).items():
            pairs[split] = _lines(*paths, encoding)
    else:
        named = isinstance(source, str) or isinstance(target, str)
        dialect = Dialect(skip, True if named and header is None else header, delimiter, encoding, quotes)
        files = {split: File(path, dialect) for split, path in _splits.files(folder, _texts.TABLES).items()}
        used = arranged(files, target, [source], [], [], ("target", "source"))
        for split, file in files.items():
            sources, targets, lines = _texts.columns(file, used[split])
            pairs[split] = sources, targets, str(file.path), lines
    splits = {split: (_texts.objects(x), _texts.objects(y)) for split, (x, y, _, _) in pairs.items()}
    return Raw(KIND, splits, where=lambda split, n: f"{pairs[split][2]}:{pairs[split][3][n]}")


def _aligned(folder: Path, source: str, target: str) -> dict[str, tuple[Path, Path]]:
    """The two files of each split."""
    visible = listing.entries(folder) if folder.is_dir() else []
    stems = {language: {f.stem: f for f in visible if f.suffix == f".{language}"} for language in (source, target)}
    names = sorted(stems[source])
    if not names or names != sorted(stems[target]):
        raise DataError(
            f"{folder}: no pairs of files *.{source} and *.{target}; found {[f.name for f in visible]}; each file "
            "needs one of the same name in the other language"
        )
    found = {(split_of(name) or "") if len(names) > 1 else "train": name for name in names}
    if len(found) < len(names) or "" in found or "train" not in found:
        raise DataError(f"{folder}: expected one pair of files, or train, validation and test; found {names}")
    return {split: (stems[source][name], stems[target][name]) for split, name in found.items()}


def _lines(source: Path, target: Path, encoding: str) -> Pairs:
    both = [_texts.decoded(path, encoding).removesuffix("\n").split("\n") for path in (source, target)]
    if len(both[0]) != len(both[1]):
        raise DataError(f"{source}: {len(both[0])} lines, but {target} has {len(both[1])}; line n has to be its line n")
    return both[0], both[1], str(source), list(range(1, len(both[0]) + 1))
