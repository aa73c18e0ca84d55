"""A folder of texts a class; which files count is tested with pictures (test_image_folder.py)."""

from pathlib import Path

import pytest

from pipeline.data.raw import DataError
from pipeline.data.readers import text_folder
from tests.data.reading import write


def test_texts_by_class_and_split(tmp_path: Path) -> None:
    for split, suffix in (("train", "a"), ("dev", "b"), ("test", "c")):
        for name in ("sport", "science"):
            write(tmp_path / split / name / f"{suffix}.TXT", f"\ufeff{name}\r\n{split}\n")
    write(tmp_path / "train" / "sport" / "notes.md", "left out")
    raw = text_folder.read(tmp_path)
    assert (
        raw.kind == "tokens"
        and raw.classes == ["science", "sport"]
        and list(raw.splits) == ["validation", "test", "train"]
    )
    for split, folder in (("train", "train"), ("validation", "dev"), ("test", "test")):
        x, y = raw.splits[split]
        assert (
            x.dtype == object and x.tolist() == [f"science\n{folder}\n", f"sport\n{folder}\n"] and y.tolist() == [0, 1]
        )
    assert raw.remarks == ("left out: 1 files: .md 1 (train/sport/notes.md)",)
    assert raw.where and raw.where("train", 1) == "train/sport/a.TXT"


def test_any_ending_and_subfolders(tmp_path: Path) -> None:
    for name in ("a/51060", "a/x/2.eml", "b/3"):
        write(tmp_path / name, name)
    raw = text_folder.read(tmp_path, endings=[], subfolders=True)
    assert raw.splits["train"][0].tolist() == ["a/51060", "a/x/2.eml", "b/3"]
    with pytest.raises(DataError, match="a text in a subfolder of class a"):
        text_folder.read(tmp_path, endings=[])
    with pytest.raises(DataError, match="no text of class a, b; add some.*left out: 3 files"):
        text_folder.read(tmp_path)


def test_not_utf8_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a" / "1.txt", "one")
    write(tmp_path / "b" / "2.txt", "two")
    (tmp_path / "b" / "3.txt").write_bytes("a café".encode("latin-1"))
    with pytest.raises(DataError, match=r"b/3.txt: byte 5 \(0xe9\) is no utf-8; write the file's own.*cp1252"):
        text_folder.read(tmp_path)
    assert text_folder.read(tmp_path, encoding="latin-1").splits["train"][0].tolist() == ["one", "two", "a café"]
    with pytest.raises(DataError, match="3.txt|1.txt: no text: unknown encoding"):
        text_folder.read(tmp_path, encoding="latin-99")
