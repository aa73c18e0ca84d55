"""Pairs of sentences in two aligned files or in a table."""

import random
from pathlib import Path
from typing import Any

import pandas
import pytest

from pipeline.data.raw import DataError, Raw
from pipeline.data.readers import parallel
from tests.data.reading import write

LANGUAGES = {"source_language": "en", "target_language": "fr"}
PAIRS = [('The cat, "Tom".', "Le chat, \u00ab Tom \u00bb."), ("a\u2028b", "c"), (" Open ", "Ouvrir")]


def pairs(raw: Raw, split: str = "train") -> list[tuple[str, str]]:
    x, y = raw.splits[split]
    assert raw.kind == "tokens" and x.dtype == y.dtype == object and x.ndim == 1
    return list(zip(x.tolist(), y.tolist(), strict=True))


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_aligned_files(tmp_path: Path, end: str) -> None:
    for split in ("train", "valid", "test"):
        for place, language in enumerate(("en", "fr")):
            text = (end or "\n").join(pair[place] for pair in PAIRS) + end
            (tmp_path / f"{split}.{language}").write_bytes(text.encode())
    raw = parallel.read(tmp_path, **LANGUAGES)
    assert [pairs(raw, split) for split in ("train", "validation", "test")] == [PAIRS] * 3
    assert raw.where and raw.where("test", 2) == f"{tmp_path / 'test.en'}:3"
    back = parallel.read(tmp_path, source_language="fr", target_language="en")
    assert pairs(back) == [(b, a) for a, b in PAIRS]


def test_one_pair_of_any_name(tmp_path: Path) -> None:
    write(tmp_path / "books.en", "one\n")
    write(tmp_path / "books.fr", "un\n")
    write(tmp_path / "README", "about")
    assert pairs(parallel.read(tmp_path, **LANGUAGES)) == [("one", "un")]


@pytest.mark.parametrize("options", [{"source": "en", "target": "fr"}, {"source": 1, "target": 0, "header": True}])
def test_a_table_as_pandas_writes_it(tmp_path: Path, options: dict[str, Any]) -> None:
    chosen = [random.Random(0).choice(PAIRS) for _ in range(50)]
    frame = pandas.DataFrame(chosen, columns=["en", "fr"])[["fr", "en"]]
    frame.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    assert pairs(parallel.read(tmp_path, **options)) == chosen


def test_files_of_different_lengths_are_refused_with_both_counts(tmp_path: Path) -> None:
    write(tmp_path / "train.en", "one\ntwo\nthree\n")
    write(tmp_path / "train.fr", "un\ndeux\n")
    with pytest.raises(DataError, match=r"train.en: 3 lines, but .*train.fr has 2; line n has to be its line n"):
        parallel.read(tmp_path, **LANGUAGES)


def test_files_without_partner_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "train.en", "one\n")
    with pytest.raises(DataError, match=r"no pairs of files \*.en and \*.fr; found \['train.en'\]"):
        parallel.read(tmp_path, **LANGUAGES)
    for name in ("train.fr", "more.en", "more.fr"):
        write(tmp_path / name, "un\n")
    with pytest.raises(DataError, match=r"train, validation and test; found \['more', 'train'\]"):
        parallel.read(tmp_path, **LANGUAGES)
    with pytest.raises(DataError, match="source_language and target_language go together"):
        parallel.read(tmp_path, source_language="en")


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        ("a,b\nc,d\n", {"source": 5}, "option source: 5 of 2 columns; every column is counted, from 0"),
        ("a,b\nc,d\n", {"target": 0}, "options target and source both name column 0; take another column"),
        ("en,fr\nc,d\n", {"source": "en", "target": "de"}, "option target names 'de'; the columns are en, fr"),
        ("a\nb\n", {}, "a.csv:1: 'a' is one column, and a table has two at least; write what stands between"),
    ],
)
def test_columns_are_refused_by_the_names_of_the_options(
    tmp_path: Path, content: str, options: dict[str, Any], said: str
) -> None:
    write(tmp_path / "a.csv", content)
    with pytest.raises(DataError, match=said):
        parallel.read(tmp_path, header="en" in content, **options)
