"""A table of text as its author wrote it: encoding, delimiter and header, found or asked for, and its cells as text.

What has two readings is refused with the option to write. Cells are split by Arrow's reader; Python's own looks at the
first rows and counts lines, so both have to agree on a table before it is read.
"""

import codecs
import csv
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import pyarrow
import pyarrow.csv

from pipeline.data.raw import DataError, told

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}  # that are found
SAMPLE = 200  # rows by which delimiter and header are found
BLOCK = 2**20  # bytes of text that are split together
MARKERS = ("", "NA", "<NA>", "N/A", "n/a", "#N/A", "#NA", "NaN", "nan", "NAN", "null", "NULL", "None", "?", "-")


class NotPlain(Exception):
    """A column of numbers holds something else, which only its text can tell."""


@dataclass(frozen=True)
class Dialect:
    """How a table is written; None is found out. `skip` lines stand before it.

    quotes: whether quotation marks stand around cells; otherwise they are characters like others.
    """

    skip: int = 0
    header: bool | None = None
    delimiter: str | None = None
    encoding: str | None = None
    quotes: bool = True

    @property
    def quoting(self) -> Literal[0, 3]:
        return csv.QUOTE_MINIMAL if self.quotes else csv.QUOTE_NONE


class File:
    """One table; `names` of its header, or None. DataError where it is no table or could be read in two ways."""

    def __init__(self, path: Path, asked: Dialect, narrow: bool = False, categorical: Sequence[int] = ()) -> None:
        """narrow: whether one column is enough. categorical: columns in which a word above a number says nothing."""
        self.path = path
        encoding = _marked(path) or asked.encoding or "utf-8"
        self.dialect = replace(asked, encoding=encoding)
        self._quoted = _scan(path, encoding, asked.quotes) > 0
        if asked.delimiter is None:
            self.dialect = replace(self.dialect, delimiter=self._delimiter(narrow))
        rows = [row for row, _ in islice(self.rows(), SAMPLE)]
        if not rows:
            raise DataError(f"{path}: no rows")
        self._require_table(rows)
        header = self._has_header(rows[0], rows[1:], categorical) if asked.header is None else asked.header
        self.dialect = replace(self.dialect, header=header)
        self.width = len(rows[0])
        self.names = [name.strip() for name in rows[0]] if header else None
        if self.names and (twice := {n for n in self.names if n and self.names.count(n) > 1}):
            raise DataError(f"{path}: the header names {min(twice)!r} twice; rename one of the columns")
        if header and len(rows) == 1:
            raise DataError(f"{path}: no rows below the header {', '.join(rows[0])}")

    def _require_table(self, rows: list[list[str]]) -> None:
        """DataError about what programs write before a table, or beside it."""
        first = rows[0][0].strip()
        doubtful = self.dialect.header is None or len({len(row) for row in rows}) > 1
        if doubtful and (first.startswith("#") or first.lower().startswith("sep=")):
            raise DataError(
                f"{self.path}: {first[:40]!r} is no part of the table; write option `skip`, such as {{skip: 1}}, or "
                "`header`, if it is"
            )
        if {len(row) for row in rows[1:]} == {len(rows[0]) + 1}:
            raise DataError(
                f"{self.path}: the header is one column shorter than the rows, as R writes the names of rows: write "
                "options {skip: 1, header: false, drop: [0]} (drop of csv alone), or name the first column"
            )

    def rows(self, strict: bool = False) -> Iterator[tuple[list[str], int]]:
        """Of each row, also of a header, its cells and the line that it ends on; blank lines are none.

        strict: DataError where a cell goes on after its closing quotation mark.
        """
        assert self.dialect.delimiter
        csv.field_size_limit(2**31 - 1)  # its default of 128 KiB is less than a long text
        line = self.dialect.skip
        try:
            with self.path.open(newline="", encoding=self.dialect.encoding) as file:
                for _ in range(self.dialect.skip):
                    next(file, "")
                quoting = self.dialect.quoting
                reader = csv.reader(file, delimiter=self.dialect.delimiter, quoting=quoting, strict=strict)
                for row in reader:
                    line = self.dialect.skip + reader.line_num
                    if row:
                        yield row, line
        except (OSError, csv.Error) as error:
            raise DataError(f"{self.path}:{line + 1}: no table of text: {error}") from error

    @cached_property
    def lines(self) -> list[int]:
        """The line of each item."""
        return [line for _, line in self.rows()][bool(self.dialect.header) :]

    def batches(self, numbers: Sequence[int] = ()) -> Iterator[pyarrow.RecordBatch]:
        """Cells, some rows at a time, the header left out; columns are called f0, f1, ...

        numbers: columns that come as float64, null where a number is missing; NotPlain where one holds anything else.
        The others come as text.
        """
        types = {f"f{n}": pyarrow.float64() if n in numbers else pyarrow.string() for n in range(self.width)}
        above = next(self.rows())[1] if self.dialect.header else self.dialect.skip
        # Where nothing is quoted and a byte of a line's end is nothing else, lines can be told before they are read.
        apart = not self._quoted and "\n".encode(self._encoding) == b"\n"
        try:
            if apart:
                yield from self._parts(types, above)
            else:
                yield from self._arrow(pyarrow.csv.open_csv, self.path, types, above)
        except pyarrow.ArrowInvalid as error:
            if "conversion error to double" in str(error):
                raise NotPlain from error
            raise self._ragged() or DataError(f"{self.path}: no table of text: {error}") from error
        except (OSError, UnicodeError, KeyError) as error:
            raise DataError(f"{self.path}: no table of text: {told(error)}") from error

    def _parts(self, types: dict[str, pyarrow.DataType], above: int) -> Iterator[pyarrow.RecordBatch]:
        """The next lines are parsed by each core while those before them are used."""
        cores, coming, rest = pyarrow.cpu_count(), deque[Future[pyarrow.Table]](), b""
        with self.path.open("rb") as file, ThreadPoolExecutor(cores) as pool:
            while block := file.read(BLOCK):
                cut = block.rfind(b"\n") + 1
                lines, rest = (rest + block[:cut], block[cut:]) if cut else (b"", rest + block)
                if above and lines.count(b"\n") <= above:
                    lines, rest = b"", lines + rest
                if lines.strip(b"\r\n"):
                    coming.append(pool.submit(self._arrow, pyarrow.csv.read_csv, lines, types, above))
                    above = 0
                if len(coming) > 2 * cores:
                    yield from coming.popleft().result().to_batches()
            while coming:
                yield from coming.popleft().result().to_batches()
        if rest.strip(b"\r\n"):
            yield from self._arrow(pyarrow.csv.read_csv, rest, types, above).to_batches()

    def _arrow(self, reader: Callable, source: Path | bytes, types: dict[str, pyarrow.DataType], above: int) -> Any:
        """What Arrow's reader gives, of rows below some lines `above` them."""
        return reader(
            source if isinstance(source, Path) else pyarrow.BufferReader(source),
            pyarrow.csv.ReadOptions(
                use_threads=False,
                block_size=2 * BLOCK if isinstance(source, Path) else len(source) + 1,
                skip_rows=above,
                column_names=list(types),
                encoding=self._encoding,
            ),
            pyarrow.csv.ParseOptions(
                delimiter=str(self.dialect.delimiter),
                quote_char='"' if self.dialect.quotes else False,
                newlines_in_values=self._quoted,
            ),
            pyarrow.csv.ConvertOptions(column_types=types, null_values=MARKERS, strings_can_be_null=False),
        )

    @property
    def _encoding(self) -> str:
        """Arrow leaves a mark at the start out by itself."""
        return str(self.dialect.encoding).removesuffix("-sig").replace("utf-8", "utf8")

    def _ragged(self) -> DataError | None:
        for row, line in self.rows():
            if len(row) != self.width:
                return DataError(f"{self.path}:{line}: {len(row)} values; the rows before have {self.width}")
        return None

    def _delimiter(self, narrow: bool) -> str:
        """The one that cuts every row of a sample into equally many cells."""
        widths = {}
        for delimiter in DELIMITERS:
            self.dialect = replace(self.dialect, delimiter=delimiter)
            found = {len(row) for row, _ in islice(self.rows(), SAMPLE)}
            if len(found) == 1 and found != {1}:
                widths[delimiter] = found.pop()
        if len(widths) > 1:
            seen = ", ".join(f"{DELIMITERS[d]} {n} columns" for d, n in widths.items())
            raise DataError(
                f"{self.path}: its rows can be read in {len(widths)} ways ({seen}); write option `delimiter`, such as "
                f"{{delimiter: {next(iter(widths))!r}}}"
            )
        if not widths and not narrow:
            self.dialect = replace(self.dialect, delimiter=",")
            rows = list(islice(self.rows(), SAMPLE))
            if {len(row) for row, _ in rows} == {1}:
                raise DataError(
                    f"{self.path}:{rows[0][1]}: {rows[0][0][0][:60]!r} is one column, and a table has two at least; "
                    "write what stands between them as option `delimiter`"
                )
        return next(iter(widths), ",")

    def _has_header(self, first: list[str], rest: list[list[str]], categorical: Sequence[int]) -> bool:
        """Whether the first row names the columns, told by columns of numbers that begin with a word."""
        columns = list(zip(*(row for row in rest if len(row) == len(first)), strict=True)) or [()] * len(first)
        words = [cell.strip() not in MARKERS and not looks_numeric(cell) for cell in first]
        named = {column % len(first) for column in categorical}
        above_numbers = any(
            word and any(map(looks_numeric, column)) and all(looks_numeric(c) or c.strip() in MARKERS for c in column)
            for place, (word, column) in enumerate(zip(words, columns, strict=True))
            if place not in named
        )
        numbers = [cell for cell in first if looks_numeric(cell)]
        again = [cell in column for word, cell, column in zip(words, first, columns, strict=True) if word]
        if not numbers and (above_numbers and not any(again) or not rest):
            return True
        repeated = any(again) and all(again)
        if not above_numbers and (repeated or numbers and not _counted(first)):
            return False
        raise DataError(
            f"{self.path}: is its first row ({', '.join(first)[:80]}) the names of the columns or an item? Write "
            "option {header: true} or {header: false}"
        )


def looks_numeric(cell: str) -> bool:
    """Whether a person would take it for a number or a date: `-1.5e3`, `1.234,5`, `2024-01-05`.

    >>> looks_numeric("1 234,5"), looks_numeric("a1"), looks_numeric("")
    (True, False, False)
    """
    return bool(re.fullmatch(r"[-+0-9.,:/' \u00a0_eE%]+", cell.strip()) and re.match(r"[-+.]*[0-9]", cell.strip()))


def _counted(first: list[str]) -> bool:
    """Whether it is whole numbers that follow each other, as columns are called by a program: 0, 1, 2, 3."""
    return (
        len(first) > 3
        and all(c.strip().isdecimal() for c in first)
        and [int(c) - int(first[0]) for c in first] == list(range(len(first)))
    )


def _marked(path: Path) -> str | None:
    """The encoding that the file's first bytes say."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if start[:2] in (b"\x1f\x8b", b"PK"):
            raise DataError(f"{path}: a compressed file or a workbook; unpack it, or save it as csv")
    except OSError as error:
        raise DataError(f"{path}: no table of text: {error}") from error
    marks = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
    return next((name for mark, name in marks.items() if start.startswith(mark)), None)


def _scan(path: Path, encoding: str, quotes_count: bool) -> int:
    """Decode the whole file once and count its quotation marks, where they count; DataError where it can't be, or one
    has no partner."""
    quotes, done = 0, 0
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
        with path.open("rb") as file:
            while block := file.read(2**16):
                text = decoder.decode(block)
                done += len(block)
                if "\0" in text:
                    raise DataError(
                        f"{path}: it holds zero bytes; if it is UTF-16, write option {{encoding: utf-16-le}} (or -be)"
                    )
                quotes += text.count('"') if quotes_count and '"' in text else 0
            decoder.decode(b"", True)
    except UnicodeDecodeError as error:
        place = done + len(block) - len(error.object) + error.start  # with what was left of the block before
        line = path.read_bytes()[:place].count(b"\n") + 1
        raise DataError(
            f"{path}:{line}: byte {place} ({error.object[error.start]:#04x}) is no {encoding}; write the file's own, "
            "such as option {encoding: cp1252} for Western Europe"
        ) from error
    except (LookupError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: option encoding: {error}; valid: utf-8, utf-16, cp1252, latin-1, ...") from error
    if quotes % 2:
        raise DataError(
            f'{path}: {quotes} quotation marks ("); one has no partner, so it is not clear where a cell ends; readers '
            "of text have option {quotes: false}, which makes them characters like others"
        )
    return quotes
