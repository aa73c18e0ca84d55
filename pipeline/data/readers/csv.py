"""Tables of text, values separated by commas: one `*.csv`, or `train.csv` and `test.csv`.

Cells are read as text, and numbers of them in double precision. What is not clear is refused with the option that says
it: which character is the delimiter, whether the first line is a header, whether `NA` is a name.
"""

import math
import unicodedata
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pyarrow
from pyarrow import compute
from pydantic import Field

from pipeline.data import arrays
from pipeline.data.kinds import of_shape
from pipeline.data.labels import encode
from pipeline.data.precision import Single
from pipeline.data.raw import DataError, Raw
from pipeline.data.readers import _csv_values as values
from pipeline.data.readers import _splits
from pipeline.data.readers._csv_columns import Columns, arranged
from pipeline.data.readers._csv_file import DELIMITERS, Dialect, File, NotPlain
from pipeline.data.readers._csv_values import Writing
from pipeline.data.spec import Column

KIND = None  # tabular, or image where `shape` has three extents


def read(
    folder: Path,
    *,
    label: int | str = -1,
    label_file: str = "",
    skip: Annotated[int, Field(ge=0)] = 0,
    header: bool | None = None,
    delimiter: Annotated[str, Field(pattern=r"^[ -~\t]$")] | None = None,
    encoding: str | None = None,
    decimal: Literal[".", ","] = ".",
    thousands: Literal["", ".", ",", " ", "'", "\u00a0"] = "",
    missing_values: list[str] | None = None,
    columns: list[int | str] = [],  # noqa: B006 (read as a literal, never changed)
    drop: list[int | str] = [],  # noqa: B006
    categorical: list[int | str] = [],  # noqa: B006
    keep: list[int] = [],  # noqa: B006
    classes: list[str] = [],  # noqa: B006
    shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=3, max_length=3)] = [],  # noqa: B006
) -> Raw:
    """Numbers in all columns but `label`, which may hold names. A column is its name or its number, from 0 or the end.

    label_file: where labels stand, one a line, if not in the table. skip: lines before the table. header: whether its
    first line names the columns; found out where it is clear, as delimiter and encoding are. missing_values: texts that
    stand for a missing value, beside an empty cell. columns: those used, all if empty. drop: those not used.
    categorical: those that hold names, each turned into features of 0 and 1, one a name. keep: class numbers to keep
    (renumbered), all if empty. classes: their names. shape: (C, H, W) of an image in a row, stored as uint8.
    """
    paths = _splits.files(folder, (".csv", ".tsv"), label_file)
    if label_file and len(paths) > 1:
        raise DataError(f"{folder}: option label_file goes with one table, not with train.csv and test.csv")
    if thousands == decimal:
        raise DataError(f"{folder}: options decimal and thousands are both {decimal!r}")
    dialect, writing = Dialect(skip, header, delimiter, encoding), Writing(decimal, thousands, missing_values)
    numbered = [column for column in categorical if isinstance(column, int)]
    files = {split: File(path, dialect, bool(label_file), numbered) for split, path in paths.items()}
    used = arranged(files, None if label_file else label, columns, drop, categorical)
    tables = {split: Table(file, used[split], writing) for split, file in files.items()}
    labels = {split: table.labels for split, table in tables.items()}
    if label_file:
        labels = {"train": _label_file(folder / label_file, len(tables["train"].numbers), writing)}
    seen = set(labels["train"].tolist()).union(*(table.classes for table in tables.values()))
    values.require_names(seen, writing, f"{folder}: label", numeric=True)
    labels = {split: values.without_marks(column, seen, writing) for split, column in labels.items()}
    names = _names(list(tables.values()), used["train"], writing, folder)
    x = {split: table.features(names, tuple(shape)) for split, table in tables.items()}
    places = {split: np.arange(len(column)) for split, column in labels.items()}
    if keep:
        places, labels, classes = _kept(labels, keep, classes, folder)
        x = {split: arrays.take(x[split], places[split]) for split in x}
    described = [Column(name=name, names=names.get(n)) for n, name in enumerate(used["train"].features)]
    return Raw(
        of_shape(shape),
        {split: (x[split], labels[split]) for split in x},
        classes or None,
        None if shape else described,
        bool(names or files["train"].names),
        tuple(_remarks(files, used)),
        lambda split, number: f"{files[split].path}:{files[split].lines[places[split][number]]}",
    )


def _names(tables: list["Table"], used: Columns, writing: Writing, folder: Path) -> dict[int, list[str]]:
    """The names that columns hold, over all splits together, by the columns' places."""
    found = {}
    for place in used.categorical:
        seen: set[str] = set().union(*(table.names[place] for table in tables))
        values.require_names(seen, writing, f"{folder}: {used.features[place]}")
        found[place] = sorted(seen - {""})
        if not found[place]:
            raise DataError(f"{folder}: {used.features[place]} is empty in every row; leave it out with `drop`")
    return found


class Table:
    """The used columns of a file. numbers: float32 (N, F), of names their places in `names`; labels as text."""

    def __init__(self, file: File, used: Columns, writing: Writing) -> None:
        self.file, self.used, self.writing = file, used, writing
        self.measured = [place for place in range(len(used.chosen)) if place not in used.categorical]
        try:
            self._read(plain=bool(self.measured) and writing == Writing())
        except NotPlain:
            self._read(plain=False)

    def _read(self, plain: bool) -> None:
        """plain: numbers are taken for such as a computer writes them, in half the time; NotPlain where one is not."""
        used, writing = self.used, self.writing
        self.classes: dict[str, int] = {}
        labels = [np.zeros(0, np.int64)]
        self.names: dict[int, dict[str, int]] = {place: {} for place in used.categorical}
        rounded, grown, count = Single(len(used.chosen)), arrays.Growing(len(used.chosen)), 0
        for batch in self.file.batches([used.chosen[place] for place in self.measured] if plain else []):
            bad: dict[str, tuple[str, int]] = {}
            block = self._block(batch, plain, bad, count)
            if batch.num_rows:
                grown.add(rounded.add(block))
            if used.label is not None:
                cells = values.labels(batch.column(used.label), writing, bad, count)
                labels.append(_places(cells, self.classes).astype(np.int64))
            values.refuse_text(self.file, bad, writing)
            count += batch.num_rows
        rounded.check(str(self.file.path), used.features)
        self.numbers = grown.whole()
        self.labels = np.array(list(self.classes), str)[np.concatenate(labels)]

    def _block(
        self, batch: pyarrow.RecordBatch, plain: bool, bad: dict[str, tuple[str, int]], count: int
    ) -> np.ndarray:
        """Float64 (n, F) of a batch of rows that follow `count` others; the first cell of a column that is no number
        goes into `bad`."""
        used = self.used
        block = np.empty((batch.num_rows, len(used.chosen)), order="F")
        if plain:
            numbers = batch.select([used.chosen[place] for place in self.measured])
            found = numbers.to_tensor(null_to_nan=True, row_major=False).to_numpy()
            missing = sum(column.null_count for column in numbers.columns)
            if np.count_nonzero(np.isfinite(found)) + missing < found.size:  # "inf", or a mark that is not found
                raise NotPlain("a number that is not finite")
            if not self.names:
                return found
            block[:, self.measured] = found
        for place in () if plain else self.measured:
            cells = batch.column(used.chosen[place])
            block[:, place], wrong = values.numbers(cells, self.writing)
            if wrong.any():
                first = int(wrong.argmax())
                bad[used.features[place]] = (cells[first].as_py(), count + first)
        for place, seen in self.names.items():
            block[:, place] = _places(values.words(batch.column(used.chosen[place]), self.writing), seen)
        return block

    def features(self, names: dict[int, list[str]], shape: tuple[int, ...]) -> np.ndarray:
        """Float32 (N, features), a feature a name where a column holds `names`; uint8 (N, *shape) of images."""
        width = sum(len(names.get(place, [0])) for place in range(len(self.used.chosen)))
        if shape and width != math.prod(shape):
            raise DataError(f"{self.file.path}: {width} values a row; an image of shape {shape} has {math.prod(shape)}")
        if not shape and not names:
            return self.numbers
        filled = arrays.empty((len(self.numbers), *(shape or (width,))), np.uint8 if shape else np.float32)
        orders = {place: _order(seen, names[place]) for place, seen in self.names.items()}
        bad, start = 0, 0
        for part in arrays.chunks(self.numbers):
            parts = [orders[p][c.astype(np.int64)] if p in orders else c[:, None] for p, c in enumerate(part.T)]
            wide = np.concatenate(parts, axis=1)
            bad += int(((wide < 0) | (wide > 255) | (wide != np.round(wide))).sum()) if shape else 0
            if not bad:
                filled[start : start + len(part)] = wide.reshape(-1, *filled.shape[1:])
            start += len(part)
        if bad:
            raise DataError(
                f"{self.file.path}: {bad} of {filled.size} values are no whole numbers from 0 to 255, as pixels must be"
            )
        return filled


def _places(cells: pyarrow.Array, seen: dict[str, int]) -> np.ndarray:
    """The place of each name in `seen`, which new names are added to."""
    coded = compute.dictionary_encode(cells)
    names = [unicodedata.normalize("NFC", name) for name in coded.dictionary.to_pylist()]
    places = [seen.setdefault(name, len(seen)) for name in names]
    return np.array(places, np.float64)[coded.indices.to_numpy(zero_copy_only=False)]


def _order(seen: dict[str, int], names: list[str]) -> np.ndarray:
    """Rows of 0 and 1 for each name that was seen; NaN for a missing one."""
    rows = np.zeros((len(seen), len(names)), np.float32)
    for name, place in seen.items():
        rows[place] = np.nan if not name else 0
        if name:
            rows[place, names.index(name)] = 1
    return rows


def _label_file(path: Path, rows: int, writing: Writing) -> np.ndarray:
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: no file of labels: {error}") from error
    if len(lines) != rows:
        raise DataError(f"{path}: {len(lines)} labels for {rows} rows")
    bad: dict[str, tuple[str, int]] = {}
    found = values.labels(pyarrow.array(lines), writing, bad, 0)
    if bad:
        raise DataError(
            f"{path}:{bad['label'][1] + 1}: {bad['label'][0]!r} is no number as options decimal and thousands have it"
        )
    return np.array(found.to_pylist())


def _remarks(files: dict[str, File], used: dict[str, Columns]) -> list[str]:
    """What was found out about the tables, so that a person can see whether it is right."""
    said = []
    for split, file in files.items():
        if (delimiter := str(file.dialect.delimiter)) != ",":
            said.append(f"{file.path.name}: columns are separated by {DELIMITERS.get(delimiter, repr(delimiter))}")
        if used[split].moved:
            said.append(f"{file.path.name}: its columns stand in another order than in train; they were read by name")
    label = used["train"].label
    if not files["train"].names and label is not None:
        said.append(f"no header; label: column {label}, counted from 0")
    if names := files["train"].names:
        said.append(
            "header: "
            + ", ".join(name or "(no name)" for name in names)
            + ("" if label is None else f"; label: {names[label]}")
        )
    return said


def _kept(
    y: dict[str, np.ndarray], keep: list[int], classes: list[str], folder: Path
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], list[str]]:
    """Places of the items of some classes, their labels, numbered anew, and the names of these."""
    every = np.concatenate(list(y.values()))
    there = every != ""  # a missing label is dealt with later, with its row
    labels = np.full(len(every), np.nan)
    labels[there], names = encode(every[there], classes or None)
    if outside := sorted(set(keep) - set(range(len(names)))):
        raise DataError(f"{folder}: keep names class {outside[0]}, but classes go from 0 to {len(names) - 1}")
    bounds = np.cumsum([len(column) for column in y.values()])[:-1]
    numbered = dict(zip(y, np.split(labels, bounds), strict=True))
    wanted = sorted(keep)
    places = {split: np.flatnonzero(np.isin(c, wanted) | np.isnan(c)) for split, c in numbered.items()}
    kept = {
        split: np.where(np.isnan(c := numbered[split][where]), c, np.searchsorted(wanted, c))
        for split, where in places.items()
    }
    return places, kept, [names[k] for k in sorted(keep)]
