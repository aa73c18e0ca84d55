"""What a finished model is asked with: raw items, checked, or rows of a table by the names of its columns.

Copied into every registered version, beside what opens its model.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.data.kinds import KINDS
from pipeline.data.spec import Column, Facts

if TYPE_CHECKING:
    from pipeline.data.ragged import Ragged

Row = dict[str, float | str]


def raw_items(data: Any, facts: Facts, folder: Path = Path()) -> "np.ndarray | Ragged":
    """Float32 (N, *facts.shape), N at least 1, of numbers in that shape or of a table with named columns.

    data: an array, nested lists or, where there are `facts.columns`, also a pandas.DataFrame with these columns in any
    order. Where there is a vocabulary, texts, which become tokens by the tokenizer in `folder`, the model's. ValueError
    says which item, counted from 0, and which of its values is wrong, and what is allowed.
    """
    if facts.vocabulary:
        from pipeline.data.text import Request  # a model of numbers is served without a tokenizer

        return Request(texts(data), folder, facts).tokens()
    kind = replace(KINDS[facts.kind], padded=facts.padded)  # what has learnt from whole series takes no others
    by_name = facts.columns is not None and hasattr(data, "columns")
    x = _expanded(data, facts) if by_name else _numbers(data, "the input")
    if x.shape[1:] != tuple(facts.shape) or not len(x):
        wanted = ", ".join(str(extent) for extent in facts.shape)
        raise ValueError(f"the input has shape {x.shape}; allowed is (N, {wanted}) with at least one item")
    if facts.imputed is not None:
        x = np.where(np.isnan(x), _stand_ins(facts), x)
    wrong = kind.invalid(x)
    if wrong.any():
        item, *place = np.argwhere(wrong)[0].tolist()
        value = x[item, *place].item()
        column = [c.name for c in facts.columns or [] for _ in c.features]
        where = f"column {column[place[0]]!r}" if column else f"value {place} of {kind.shape}"
        shown = "null or NaN" if np.isnan(value) else f"{value:g}"
        raise ValueError(f"item {item} (the first is 0), {where}: {shown}; allowed are {kind.allowed}")
    return x


def texts(data: Any) -> list[str]:
    """Of a list, an array or the one column of a pandas.DataFrame."""
    given = np.asarray(data, dtype=object)
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.ndim != 1 or not len(given):
        raise ValueError(f"the input has shape {given.shape}; allowed are texts (N,), at least one")
    for number, text in enumerate(given):
        if not isinstance(text, str):
            shown = "null" if text is None or text != text else repr(text)
            raise ValueError(f"item {number} (the first is 0) is {shown}; allowed are texts")
    found: list[str] = given.tolist()
    return found


def _stand_ins(facts: Facts) -> np.ndarray:
    """Float32 (features,): what stands for a missing value, NaN where nothing does."""
    found: list[float] = []
    columns = facts.columns or [Column(name="")] * facts.shape[0]
    for column, value in zip(columns, facts.imputed or [], strict=True):
        if column.names:
            found += [np.nan if value is None else float(name == value) for name in column.names]
        else:
            found.append(np.nan if value is None else float(value))
    return np.array(found, np.float32)


def rows(x: np.ndarray, columns: list[Column]) -> list[Row]:
    """Items (N, F) as rows by name, of which `raw_items` makes the same items again."""
    ends = np.cumsum([column.width for column in columns])
    parts = list(zip(columns, np.split(x, ends[:-1], axis=1), strict=True))
    return [{column.name: _word(column, values[item]) for column, values in parts} for item in range(len(x))]


def _word(column: Column, values: np.ndarray) -> float | str:
    """Of one item's features of a column; a number with no more digits than a float32 has."""
    return column.names[int(values.argmax())] if column.names else float(str(values[0]))


def _expanded(table: Any, facts: Facts) -> np.ndarray:
    """Float32 (N, F) of a pandas.DataFrame; what is missing has the model's imputed value or, if it has none, NaN."""
    columns = facts.columns or []
    known, given = [column.name for column in columns], list(table.columns)
    odd = {
        "missing": [name for name in known if name not in given],
        "unknown": [name for name in given if name not in known],
        "repeated": [name for name in known if given.count(name) > 1],
    }
    for what, names in odd.items():
        if names:
            raise ValueError(f"{what} column {names[0]!r}; a row has the columns {', '.join(map(repr, known))}")
    imputed = facts.imputed or [None] * len(columns)
    parts = [_features(column, table[column.name], value) for column, value in zip(columns, imputed, strict=True)]
    return np.concatenate(parts, axis=1)


def _features(column: Column, values: Any, imputed: float | str | None) -> np.ndarray:
    """Float32 (N, 1) of a pandas.Series of numbers; (N, names), each 0 or 1, where the column has names."""
    values = values if imputed is None else values.fillna(imputed)
    if column.names is None:
        return _numbers(values, f"column {column.name!r}")[:, None]
    found = np.stack([values.isin([name]) for name in column.names], axis=1)
    if not found.any(axis=1).all():
        item = int(found.any(axis=1).argmin())
        shown = "null" if values.isna().iloc[item] else repr(values.iloc[item])
        allowed = ", ".join(map(repr, column.names))
        raise ValueError(f"item {item} (the first is 0), column {column.name!r}: {shown}; allowed are {allowed}")
    return found.astype(np.float32)


def _numbers(data: Any, what: str) -> np.ndarray:
    """Float32 of numbers; ValueError for all else, also for what would pass for a number: text, dates, complex ones."""
    try:
        given = np.asarray(data)
        other = given.reshape(-1).tolist() if given.dtype.kind not in "biuf" else []
        wrong = [value for value in other if given.dtype.kind != "O" or isinstance(value, str | bytes | complex)]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is none")
        with np.errstate(over="ignore"):  # what is too large for a float32 becomes infinite, and is refused for that
            return np.ascontiguousarray(given, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} is no array of numbers: {error}") from error
