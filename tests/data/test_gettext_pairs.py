"""Pairs out of catalogues of gettext: what is left out, and that no test pair is nearly one of train."""

import re
import zipfile
from pathlib import Path

import pytest

from pipeline.data.raw import DataError, Raw
from pipeline.data.readers import gettext_pairs
from tests.data import catalogues

WORDS = [letter * 3 for letter in "abcdefghijklmnopqrstuvwxyz"]
MANY = {f"a|b\4Open the {a} {b}": f"Ouvrir le {a} {b}" for a in WORDS for b in WORDS if a < b}


def every(raw: Raw) -> dict[str, tuple[str, str]]:
    """(translation, split) by source."""
    found = {a: (b, split) for split, (x, y) in raw.splits.items() for a, b in zip(x, y, strict=True)}
    assert len(found) == sum(len(x) for x, _ in raw.splits.values()) and raw.kind == "tokens"
    return found


def read(folder: Path, **entries: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Of catalogues of these names, beside one with many pairs."""
    for name, pairs in {"many": MANY, **entries}.items():
        catalogues.write(folder / f"{name}.mo", pairs)
    found = every(gettext_pairs.read(folder))
    return {source: pair for source, pair in found.items() if f"a|b\4{source}" not in MANY}


def test_marks_of_keys_and_context_are_taken_out(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        a={
            "menu\4Save ~All Files...": "~Enregistrer tous les fichiers...",
            "dialog|button\4Sho_w the Grid": "Affi_cher la grille",
            "stock\4_Close this Window": "_Fermer la fenêtre",
            "STR_X\4Rename my_file to\n\n%1": "Renommer my_file  en %1",
            "STR_Y\4Type ~ for home": "Saisissez ~ pour home",
        },
    )
    assert {source: target for source, (target, _) in found.items()} == {
        "Save All Files...": "Enregistrer tous les fichiers...",
        "Show the Grid": "Afficher la grille",
        "Close this Window": "Fermer la fenêtre",
        "Rename my_file to %1": "Renommer my_file en %1",
        "Type ~ for home": "Saisissez ~ pour home",
    }


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    catalogues.write(tmp_path / "many.mo", MANY)
    catalogues.write(
        tmp_path / "a.mo",
        {
            "x\4Two words": "Deux petits mots",
            "x\4" + "word " * 51: "mot " * 50,
            "x\4A <b>bold</b> word": "Un mot <b>gras</b>",
            "x\4OpenDocument Text Format": "OpenDocument Text Format",
            "x\4100 % - 200 %": "100 % - 200 %%",
            "x\4One line is red\0%1 lines are red": "Une ligne est rouge\0%1 lignes sont rouges",
            "y\4Copy of one.": "Copie de un.",
            "z\4Copy of ONE (½)": "Copie de un (½)",
            "z\4Of one, copy!": "De un, copie !",
        },
    )
    raw = gettext_pairs.read(tmp_path)
    kept = {source: target for source, (target, _) in every(raw).items() if not source.startswith("Open the ")}
    assert kept == {"One line is red": "Une ligne est rouge", "Copy of ONE (½)": "Copie de un (½)"}
    assert raw.remarks == (
        "left out: 2 (copies or near-copies), 2 (fewer than 3 or more than 50 words), 1 (markup), 1 (no words), 1 (not "
        "translated)",
    )


def test_the_most_frequent_translation_is_kept(tmp_path: Path) -> None:
    often = {f"{n}\4Delete all rows": "Supprimer toutes les lignes" for n in range(2)}
    found = read(tmp_path, a={"a\4Delete all rows": "Effacer toutes les lignes", **often})
    assert [target for target, _ in found.values()] == ["Supprimer toutes les lignes"]


def test_a_planted_near_copy_of_a_test_pair_is_in_no_other_split(tmp_path: Path) -> None:
    catalogues.write(tmp_path / "many.mo", MANY)
    before = every(gettext_pairs.read(tmp_path))
    tested = [(source, target) for source, (target, split) in before.items() if split == "test"]
    planted = {f"p\4{source.upper()} 7!": f"{target} (7)" for source, target in tested[:9]}
    same_target = {f"p\4Please show me {source[9:]}": f"~{target.upper()}:" for source, target in tested[9:]}
    catalogues.write(tmp_path / "planted.mo", planted | same_target)
    after = every(gettext_pairs.read(tmp_path))
    assert len(after) == len(before) + len(same_target), "near-copies of sources are dropped"
    splits: dict[str, set[str]] = {}
    for source, (target, split) in after.items():
        for text in (source, target):
            splits.setdefault(" ".join(sorted(set(re.findall("[a-zéê]+", text.lower())))), set()).add(split)
    assert all(len(found) == 1 for found in splits.values()) and len(tested) > 15
    assert sum(source.startswith("Please") and split == "test" for source, (_, split) in after.items()) == len(
        same_target
    )
    assert {s: p for s, p in before.items() if s in after} == {s: p for s, p in after.items() if s in before}, (
        "they stay"
    )


def test_order_and_packing_change_nothing(tmp_path: Path) -> None:
    half = {key: target for key, target in MANY.items() if "alpha" in key}
    catalogues.write(tmp_path / "one" / "z.mo", half)
    catalogues.write(tmp_path / "one" / "a.mo", {k: t for k, t in MANY.items() if k not in half})
    catalogues.write(tmp_path / "two" / "LC_MESSAGES" / "all.mo", MANY)
    (tmp_path / "three").mkdir()
    with zipfile.ZipFile(tmp_path / "three" / "fr.zip", "w") as archive:
        archive.write(tmp_path / "two" / "LC_MESSAGES" / "all.mo", "all.mo")
    found = [every(gettext_pairs.read(tmp_path / name)) for name in ("one", "two", "three")]
    assert found[0] == found[1] == found[2] and list(found[0]) == list(found[1])
    counts = [sum(split == name for _, split in found[0].values()) for name in ("train", "validation", "test")]
    assert sum(counts) == len(MANY) and all(10 < count < 60 for count in counts[1:])  # 32 of 325 are a tenth


def test_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no catalogues \*.mo"):
        gettext_pairs.read(tmp_path)
    catalogues.write(tmp_path / "a.mo", {"x\4Just one short pair": "Une paire assez courte"})
    with pytest.raises(DataError, match="1 pairs leave none for .*; left out: 0"):
        gettext_pairs.read(tmp_path)
    (tmp_path / "a.mo").write_bytes(b"no catalogue at all")
    with pytest.raises(DataError, match="a.mo: no catalogue of gettext"):
        gettext_pairs.read(tmp_path)
    (tmp_path / "b.zip").write_bytes(b"PK no archive")
    with pytest.raises(DataError, match="b.zip: no files that can be read: File is not a zip file"):
        gettext_pairs.read(tmp_path)
