"""What readers of text share: decoding, and columns of text in a table."""

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.cells import listing
from pipeline.data.raw import DataError
from pipeline.data.readers._csv_columns import Columns
from pipeline.data.readers._csv_file import File

TABLES = (".csv", ".tsv", ".tab")


def objects(items: Sequence[Any]) -> np.ndarray:
    """An object array (N,), also of tuples."""
    return np.fromiter(items, object, len(items))


def decoded(path: Path, encoding: str) -> str:
    """The text of a file, with `\\n` at the ends of lines; DataError with the byte that is not of this encoding."""
    try:
        text = path.read_bytes().decode("utf-8-sig" if re.fullmatch(r"(?i)utf[-_]?8", encoding) else encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: byte {error.start} ({error.object[error.start]:#04x}) is no {encoding}; write the file's own, "
            "such as option {encoding: cp1252} for Western Europe"
        ) from error
    except (OSError, LookupError) as error:
        raise DataError(f"{path}: no text: {error}") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Place and bytes of each file: of this one, or of those in it if it is a folder or a zip archive, by name."""
    try:
        if path.is_dir():
            for file in listing.files(path):
                yield from contents(file)
        elif path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                for name in sorted(archive.namelist()):
                    if not name.endswith("/"):
                        yield f"{path}/{name}", archive.read(name)
        else:
            yield str(path), path.read_bytes()
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: no files that can be read: {error}") from error


def columns(file: File, used: Columns) -> tuple[list[str], list[str], list[int]]:
    """Cells of the two columns that are used, and the line of each row."""
    assert used.label is not None
    places = used.chosen[0], used.label
    rows = list(file.rows(strict=True))[bool(file.dialect.header) :]
    lines = [line for _, line in rows]
    refuse(file.path, lines, (len(row) != file.width for row, _ in rows), f"other than {file.width} columns")
    if file.dialect.delimiter == "\t":
        swallowed = (any("\n" in cell and "\t" in cell for cell in row) for row, _ in rows)
        refuse(file.path, lines, swallowed, "line break and tab in one cell; perhaps write option {quotes: false}")
    cells = [[row[place] for row, _ in rows] for place in places]
    return cells[0], cells[1], lines


def refuse(path: Path, lines: Sequence[int], bad: Iterable[bool], what: str) -> None:
    """DataError with the first line that is bad, and how many are."""
    if wrong := [line for line, is_bad in zip(lines, bad, strict=True) if is_bad]:
        count = f"{len(wrong)} of {len(lines)} rows, the first here"
        raise DataError(f"{path}:{wrong[0]}: {count}: {what}; correct or remove them")
