"""A table with a column of text and one of labels: one file, or `train.csv`, `test.csv` and perhaps `val.csv`."""

import re
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.data.labels import NUMBER
from pipeline.data.raw import Raw
from pipeline.data.readers import _splits, _texts
from pipeline.data.readers._csv_columns import arranged
from pipeline.data.readers._csv_file import Dialect, File

KIND = "tokens"


def read(
    folder: Path,
    *,
    text: int | str,
    label: int | str,
    skip: Annotated[int, Field(ge=0)] = 0,
    header: bool | None = None,
    delimiter: Annotated[str, Field(pattern=r"^[ -~\t]$")] | None = None,
    encoding: str | None = None,
    quotes: bool = True,
    above: float | None = None,
) -> Raw:
    """Texts (N,) and labels (N,), as text. A column is its name or its number, from 0 or the end.

    skip: lines before the table. header: whether its first line names the columns. Header, delimiter and encoding are
    found out where it is clear. quotes: whether quotation marks stand around cells; if not, they are characters of the
    text. above: labels are numbers, and those above this one are of class `positive`, the others `negative`.
    """
    named = isinstance(text, str) or isinstance(label, str)
    dialect = Dialect(skip, True if named and header is None else header, delimiter, encoding, quotes)
    files = {split: File(path, dialect) for split, path in _splits.files(folder, _texts.TABLES).items()}
    used = arranged(files, label, [text], [], [], ("label", "text"))
    splits, lines = {}, {}
    for split, file in files.items():
        texts, labels, lines[split] = _texts.columns(file, used[split])
        y = np.array(labels)
        if above is not None:
            wrong = (not re.fullmatch(NUMBER, cell.strip()) for cell in labels)
            _texts.refuse(file.path, lines[split], wrong, "no number as label, which option `above` needs")
            y = (y.astype(np.float64) > above).astype(np.int64)
        splits[split] = _texts.objects(texts), y
    classes = None if above is None else ["negative", "positive"]
    return Raw(KIND, splits, classes, where=lambda split, n: f"{files[split].path}:{lines[split][n]}")
