"""Corpora of text that packages ship: each reader gives what another way of reading gives, and what papers state."""

import re
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pytest

from pipeline.data import fetch
from pipeline.data.raw import Raw
from pipeline.data.readers import conllu, gettext_pairs, mail, text_table
from pipeline.data.spec import Fetch
from tests.data import catalogues

pytestmark = pytest.mark.slow
ORANGE: dict[str, Any] = {"text": 1, "label": 0, "skip": 4, "header": False, "delimiter": "\t", "quotes": False}
VADER: dict[str, Any] = {"text": 2, "label": 1, "header": False, "delimiter": "\t", "quotes": False, "above": 0.0}


@pytest.fixture(scope="session")
def fetched(made_once: Callable[..., Path]) -> Callable[[str], Path]:
    """The folder with what a card names."""

    def of(card: str) -> Path:
        spec = Fetch(source=f"pipeline/data/cards/{card}.yaml", card=True, digest="")
        return made_once(f"fetched_{card}", lambda folder: fetch.run(spec, folder, {}))

    return of


def found(raw: Raw, split: str = "train") -> list[tuple[Any, Any]]:
    return list(zip(*(part.tolist() for part in raw.splits[split]), strict=True))


@pytest.mark.parametrize(
    ("card", "train", "test", "classes", "in_both"),
    [("reuters_r8", 5485, 2189, 8, 4), ("reuters_r52", 6532, 2568, 52, 6), ("newsgroups", 11293, 7528, 20, 7)],
)
def test_topics(fetched: Any, card: str, train: int, test: int, classes: int, in_both: int) -> None:
    """Numbers of documents as Cardoso-Cachopo (2007) states them."""
    raw = text_table.read(fetched(card), **ORANGE)
    assert [len(raw.splits[split][0]) for split in ("train", "test")] == [train, test]
    for split in raw.splits:
        options: dict[str, Any] = {"sep": "\t", "quoting": 3, "skiprows": 4, "header": None, "names": ["y", "x"]}
        frame = pandas.read_csv(fetched(card) / f"{split}.tsv", **options, keep_default_na=False)
        assert found(raw, split) == list(zip(frame.x, frame.y, strict=True)) and frame.y.nunique() == classes
    assert sum(text in set(raw.splits["train"][0]) for text in raw.splits["test"][0]) == in_both


@pytest.mark.parametrize(
    ("card", "items", "positive"),
    [("movie_snippets", 10605, 5242), ("amazon_snippets", 3708, 2128), ("tweets", 4200, 2897)],
)
def test_sentiment(fetched: Any, card: str, items: int, positive: int) -> None:
    """Numbers of snippets as the archive's own `_README_.txt` states them."""
    raw = text_table.read(fetched(card), **VADER)
    lines = (fetched(card) / "snippets.tsv").read_bytes().decode().split("\r\n")
    expected = [(text, int(float(rating) > 0)) for _, rating, text in (line.split("\t") for line in lines if line)]
    assert found(raw) == expected and len(expected) == items
    assert sum(label for _, label in expected) == positive and raw.classes == ["negative", "positive"]


def test_spam(fetched: Any) -> None:
    raw = mail.read(fetched("spam_assassin"))
    read = dict(zip([raw.where("train", n) for n in range(6046)], found(raw), strict=True)) if raw.where else {}
    assert len(read) == 6046 and Counter(label for _, label in read.values()) == {0: 4150, 1: 1896}
    assert raw.classes == ["ham", "spam"] and raw.remarks == ()
    simple = 0
    for label, name in enumerate(("ham", "spam")):
        archive = zipfile.ZipFile(fetched("spam_assassin") / f"{name}.zip")
        for member in archive.namelist():
            header, _, body = archive.read(member).decode("latin-1").partition("\n\n")
            subject = re.search(r"(?m)^Subject: ?(.*(?:\n[ \t].*)*)", header)
            text, given = read[f"{name}.zip/{member}"]
            assert given == label
            if (
                subject
                and not re.search(r"(?i)content-type|transfer-encoding|=\?", header)
                and "\r" not in header + body
            ):
                assert text == f"{subject[1]}\n{body}".strip(), member
                simple += 1
    assert simple > 500


@pytest.mark.parametrize(("files", "counts"), [(["web"], [2033, 254, 254]), (["web", "wiki"], [3881, 485, 485])])
def test_turkish_treebanks(fetched: Any, files: list[str], counts: list[int]) -> None:
    """The split of the package's own turkish_treebanks/read.py: the ninth and the tenth of ten sentences."""
    raw = conllu.read(fetched("turkish_treebanks"), files=[f"{name}.conllu" for name in files], tenths=True)
    expected: dict[str, list[Any]] = {"train": [], "validation": [], "test": []}
    for name in files:
        blocks = (fetched("turkish_treebanks") / f"{name}.conllu").read_text().strip().split("\n\n")
        for number, block in enumerate(blocks):
            rows = [line.split("\t") for line in block.split("\n") if line[0] != "#"]
            split = "test" if number % 10 == 9 else "validation" if number % 10 == 8 else "train"
            expected[split].append((tuple(row[1] for row in rows), tuple(row[3] for row in rows)))
    assert {split: found(raw, split) for split in expected} == expected
    assert [len(part) for part in expected.values()] == counts
    words = sum(len(sentence) for part in expected.values() for sentence, _ in part)
    assert len(files) == 1 or (sum(counts), words) == (4851, 81370)


@pytest.mark.parametrize(("language", "counts"), [("fr", [7692, 990, 1004]), ("de", [6883, 883, 866])])
def test_libreoffice(fetched: Any, language: str, counts: list[int]) -> None:
    folder = fetched(f"libreoffice_en_{language}")
    raw = gettext_pairs.read(folder)
    assert [len(raw.splits[split][0]) for split in ("train", "validation", "test")] == counts
    texts, seen = set(), {}
    with zipfile.ZipFile(folder / f"{language}.zip") as archive:
        for member in archive.namelist():
            for message, translated in catalogues.read(archive.read(member)).items():
                source, target = message.split("\4")[1].split("\0")[0], translated.split("\0")[0]
                texts.add(tuple(" ".join(re.sub("[~_]", "", text).split()) for text in (source, target)))
    for split in raw.splits:
        for pair in found(raw, split):
            assert tuple(" ".join(re.sub("[~_]", "", text).split()) for text in pair) in texts
            assert all(3 <= len(text.split()) <= 50 for text in pair)
            for side, text in enumerate(pair):
                words = frozenset(re.findall(r"[^\W\d_½¼¾²³]+", text.casefold()))
                assert seen.setdefault((side, words), split) == split, pair
