"""Every reader of text keeps its contract."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import introspection
from pipeline.data.raw import DataError, Raw
from tests.data import catalogues
from tests.data.reading import write


def text_table(folder: Path) -> dict[str, Any]:
    write(folder / "a.csv", "x,y\n" + "".join(f"text {n},{n % 3}\n" for n in range(60)))
    return {"text": "x", "label": "y"}


def text_folder(folder: Path) -> dict[str, Any]:
    for number in range(60):
        write(folder / f"kind{number % 3}" / f"{number}.txt", f"text {number}")
    return {}


def mail(folder: Path) -> dict[str, Any]:
    for number in range(60):
        write(folder / f"kind{number % 3}" / f"{number}.eml", f"Subject: text {number}\n\n")
    return {}


def conllu(folder: Path) -> dict[str, Any]:
    rows = [f"1\tword{n}\t_\tNOUN\t_\t_\t0\troot\t_\t_\n2\tis\t_\tVERB\t_\t_\t1\tdep\t_\t_\n" for n in range(60)]
    write(folder / "a.conllu", "\n".join(rows))
    return {"tenths": True}


def parallel(folder: Path) -> dict[str, Any]:
    for language in ("en", "fr"):
        write(folder / f"a.{language}", "".join(f"text {n} in {language}\n" for n in range(60)))
    return {"source_language": "en", "target_language": "fr"}


def gettext_pairs(folder: Path) -> dict[str, Any]:
    words = [f"{'x' * n} marks the spot" for n in range(1, 61)]
    catalogues.write(folder / "a.mo", {f"a|b\4{text}": f"ici {text}" for text in words})
    return {}


# A source for each reader: written into a folder; returns the reader's options.
SOURCES: dict[str, Callable[[Path], dict[str, Any]]] = {
    make.__name__: make for make in (text_table, text_folder, mail, conllu, parallel, gettext_pairs)
}


def test_there_is_a_source_for_each_reader_of_text() -> None:
    readers = [
        n
        for n in introspection.names("data/readers")
        if introspection.constant(f"data/readers/{n}", "KIND") == "tokens"
    ]
    assert set(readers) == set(SOURCES)


def read(reader: str, folder: Path, options: dict[str, Any]) -> Raw:
    introspection.options(f"data/readers/{reader}", "read").model_validate(options)
    raw: Raw = importlib.import_module(f"pipeline.data.readers.{reader}").read(folder, **options)
    return raw


@pytest.mark.parametrize("reader", SOURCES)
def test_items_are_texts_or_words_and_each_has_a_label(reader: str, tmp_path: Path) -> None:
    options = SOURCES[reader](tmp_path)
    raw, again = read(reader, tmp_path, options), read(reader, tmp_path, options)
    assert raw.kind == "tokens" and "train" in raw.splits and set(raw.splits) <= {"train", "validation", "test"}
    assert sum(len(x) for x, _ in raw.splits.values()) == 60
    kind = tuple if reader == "conllu" else str
    for split, (x, y) in raw.splits.items():
        assert x.dtype == object and x.shape == y.shape == (len(x),) and len(x)
        assert all(type(item) is kind and item for item in x)
        if reader in ("conllu", "parallel", "gettext_pairs"):
            assert y.dtype == object and all(type(item) is kind and item for item in y)
            assert kind is str or all(len(a) == len(b) for a, b in zip(x, y, strict=True))
        assert np.array_equal(x, again.splits[split][0]) and np.array_equal(y, again.splits[split][1])
    assert raw.where is None or raw.where("train", 0) != raw.where("train", 1)


@pytest.mark.parametrize("reader", SOURCES)
def test_an_empty_folder_is_an_error_that_names_it(reader: str, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "hollow").mkdir()
    options = SOURCES[reader](tmp_path / "full")
    for folder in (tmp_path / "hollow", tmp_path / "nowhere"):
        with pytest.raises(DataError, match=folder.name):
            read(reader, folder, options)
