"""Labels of any kind as what a task predicts: numbers of classes, or numbers themselves."""

import re
import unicodedata

import numpy as np

from pipeline.data.precision import single
from pipeline.data.raw import DataError

NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
WHOLE = r"[+-]?(0|[1-9][0-9]{0,17})"
MANY_CLASSES = 20  # from here on, more than half as many as items are no classes


def encode(labels: np.ndarray, classes: list[str] | None = None) -> tuple[np.ndarray, list[str]]:
    """Labels of any kind as int64 indices (N,), and the class names.

    Without `classes`, every label is a class: whole numbers in their order, words in that of the alphabet. With them,
    whole numbers are places in that list, from 0, and words are its names. Text is a whole number only if all of it is
    written as Python would: `007` is a word. DataError where a label is a fraction, or no class that was named.
    """
    labels = _plain(labels)
    if classes and (twice := sorted({c for c in classes if classes.count(c) > 1})):
        raise DataError(f"class {twice[0]} stands twice in the list of classes")
    if labels.dtype.kind == "f":
        _refuse(labels, ~(np.abs(labels) < 2**53) | (labels != labels.round()),
                "are no whole numbers; is this the label's column, or is the task regression?")  # fmt: skip
        labels = labels.astype(np.int64)
    if labels.dtype.kind in "iu" and classes and not set(labels.tolist()) <= set(range(len(classes))):
        labels = labels.astype(str)  # names that are written with digits; whatever is none of them is refused below
    if labels.dtype.kind in "iu" and classes:
        if set(labels.astype(str).tolist()) <= set(classes) and any(classes[n] != str(n) for n in np.unique(labels)):
            raise DataError(
                f"labels are whole numbers, and so are the names of classes ({', '.join(classes)}): places in that "
                "list, from 0, or names? Leave `classes` out, and each number is a class"
            )
        return labels.astype(np.int64), classes
    found, places = np.unique(labels, return_inverse=True)
    if classes is None:
        _require_few(found, len(labels))
        return places.astype(np.int64), [str(name) for name in found]
    known = {name: number for number, name in enumerate(classes)}
    _refuse(labels, ~np.isin(labels, classes), f"are none of the classes {', '.join(classes)}"
            + ("; numbers count `classes` from 0" if _whole(labels) else ""))  # fmt: skip
    return np.array([known[name] for name in found.tolist()], np.int64)[places], classes


def _plain(labels: np.ndarray) -> np.ndarray:
    """Text without the spaces around it, in Unicode's composed form, as numbers where all of it is whole numbers."""
    if labels.dtype.kind == "b":
        return labels.astype(np.int64)
    if labels.dtype.kind in "iuf":
        return labels
    if labels.dtype.kind not in "SUO":
        raise DataError(f"labels are of {labels.dtype}; allowed are numbers and text")
    if any(isinstance(label, tuple) for label in labels.tolist()):
        raise DataError("items have a label for each of their words; that is task tagging")
    try:
        texts = [v.decode() if isinstance(v, bytes) else str(v) for v in labels.tolist()]
    except UnicodeDecodeError as error:
        raise DataError(f"a label is no UTF-8 text: {error}") from error
    words = np.array([unicodedata.normalize("NFC", text.strip()) for text in texts])
    _refuse(words, words == "", "are empty")
    if _whole(words):
        return words.astype(np.int64)
    distinct = np.unique(words)
    if all(re.fullmatch(NUMBER, word) for word in distinct.tolist()) and (distinct.astype(float) % 1).any():
        return words.astype(np.float64)  # fractions, which are no classes
    return words


def _whole(words: np.ndarray) -> bool:
    """Whether all are whole numbers as Python writes them, `+1` too, and none is written in two ways."""
    found = set(words.tolist())
    return all(re.fullmatch(WHOLE, word) for word in found) and len(set(map(int, found))) == len(found)


def _require_few(found: np.ndarray, items: int) -> None:
    if len(found) > MANY_CLASSES and len(found) > items / 2:
        shown = ", ".join(str(v) for v in found[:3])
        raise DataError(
            f"{len(found)} different labels for {items} items ({shown}, ...); is this the label's column, or is the "
            "task regression?"
        )


def numbers(labels: np.ndarray, classes: list[str] | None = None) -> np.ndarray:
    """Targets of a regression, float32 (N,); DataError where one is no finite number.

    classes: names that whole-numbered labels stand for, such as those of folders; then the names are the numbers.
    """
    if classes is not None and labels.dtype.kind in "iu":
        labels = np.array(classes)[labels]
    if labels.dtype.kind not in "iufb":
        words = np.array([v.decode() if isinstance(v, bytes) else str(v).strip() for v in labels.tolist()])
        bad = np.array([not re.fullmatch(NUMBER, word) for word in words.tolist()], bool)
        _refuse(words, bad, "are no numbers, which the task regression needs; for classes write task classification, "
                "for decimal commas option {decimal: \",\"} of csv")  # fmt: skip
        labels = words.astype(np.float64)
    _refuse(labels, ~np.isfinite(labels), "are no finite numbers")
    return single(labels[:, None], "the target", ["it"])[:, 0]


def _refuse(labels: np.ndarray, bad: np.ndarray, what: str) -> None:
    if bad.any():
        found = list(dict.fromkeys(labels[bad].tolist()))[:5]
        raise DataError(f"{int(bad.sum())} of {len(labels)} labels {what}: {found}")
