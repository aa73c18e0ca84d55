"""Which files of a folder are pictures of which class and split; what is left out, and what is refused."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.cells import fingerprint
from pipeline.data import arrays
from pipeline.data.raw import DataError, Raw
from pipeline.data.readers import image_folder
from tests.data.drawing import SMALL, save
from tests.data.reading import encoded, write


def fill(folder: Path, *names: str) -> Path:
    """A picture at each name; a folder at each that ends with a slash; a text at others."""
    for name in names:
        if name.endswith("/"):
            (folder / name).mkdir(parents=True)
        elif name.lower().endswith((".png", ".jpg")):
            save(folder / name, format="PNG" if name.lower().endswith("png") else "JPEG")
        else:
            write(folder / name, "no image")
    return folder


def read(folder: Path, *names: str, **options: Any) -> Raw:
    return image_folder.read(fill(folder, *names), size=[4, 6], **options)


def told(raw: Raw) -> dict[str, list[str]]:
    """Place and class of every item."""
    assert raw.where and raw.classes
    return {
        split: [f"{raw.where(split, number)} {raw.classes[label]}" for number, label in enumerate(y)]
        for split, (_, y) in raw.splits.items()
    }


def test_images_are_scaled_and_sorted_by_class(tmp_path: Path) -> None:
    raw = read(tmp_path, "dog/1.png", "cat/2.jpg", "cat/1.PNG")
    x, y = raw.splits["train"]
    assert x.shape == (3, 3, 4, 6) and x.dtype == np.uint8 and y.dtype == np.int64
    assert raw.classes == ["cat", "dog"] and raw.remarks == ()
    assert told(raw) == {"train": ["cat/1.PNG cat", "cat/2.jpg cat", "dog/1.png dog"]}
    assert (x[0].transpose(1, 2, 0) == SMALL[:, :, :3]).all() and (x[0] == x[2]).all()
    assert image_folder.read(tmp_path, size=[8, 10], channels=1).splits["train"][0].shape == (3, 1, 8, 10)


@pytest.mark.parametrize("names", ["train val test", "Train Valid TEST", "TRAIN validation test", "train dev test"])
def test_splits_of_folders(tmp_path: Path, names: str) -> None:
    train, validation, test = names.split()
    raw = read(tmp_path, f"{train}/cat/1.png", f"{train}/dog/1.png", f"{validation}/cat/2.png", f"{test}/dog/3.png")
    assert told(raw) == {
        "train": [f"{train}/cat/1.png cat", f"{train}/dog/1.png dog"],
        "validation": [f"{validation}/cat/2.png cat"],
        "test": [f"{test}/dog/3.png dog"],
    }


def test_names_of_folders_are_the_numbers_of_a_regression(tmp_path: Path) -> None:
    raw = encoded(read(tmp_path / "a", "5/a.png", "20/a.png", "100/a.png"), "regression")
    assert sorted(raw.splits["train"][1].tolist()) == [5.0, 20.0, 100.0]
    with pytest.raises(DataError, match=r"2 of 2 labels are no numbers.*\['cat', 'dog'\]"):
        encoded(read(tmp_path / "b", "cat/a.png", "dog/a.png"), "regression")


def test_hidden_files_and_what_systems_leave_behind_are_neither_classes_nor_items(tmp_path: Path) -> None:
    clutter = ".ipynb_checkpoints/1.png", "__MACOSX/cat/1.png", ".DS_Store", "Thumbs.db", "cat/Thumbs.db", "cat/._1.png"
    raw = read(tmp_path, "cat/1.png", "dog/1.png", "cat/.ipynb_checkpoints/1.png", *clutter)
    assert told(raw) == {"train": ["cat/1.png cat", "dog/1.png dog"]} and raw.remarks == ()


def test_other_files_are_left_out_and_told(tmp_path: Path) -> None:
    texts = [f"cat/{number}.txt" for number in range(5)]
    raw = read(tmp_path, "cat/1.png", "dog/1.png", "dog/2.HEIC", "README", "loose.png", "dog/more/remarks.txt", *texts)
    assert raw.remarks == (
        "left out: 9 files: .txt 6 (cat/0.txt, cat/1.txt, cat/2.txt, ...), without ending 1 (README), "
        ".heic 1 (dog/2.HEIC), .png 1 (loose.png)",
    )
    assert len(raw.splits["train"][1]) == 2


def test_loose_files_beside_splits_are_left_out_and_told(tmp_path: Path) -> None:
    raw = read(tmp_path, "train/cat/1.png", "train/dog/1.png", "a.png", "train/b.png")
    assert raw.remarks == ("left out: 2 files: .png 2 (a.png, train/b.png)",)


def test_pictures_in_subfolders_are_of_the_class_above_if_one_says_so(tmp_path: Path) -> None:
    raw = read(tmp_path, "cat/1.png", "cat/wild/old/2.png", "dog/1.png", subfolders=True)
    assert told(raw) == {"train": ["cat/1.png cat", "cat/wild/old/2.png cat", "dog/1.png dog"]}


def test_pictures_of_one_colour_are_told(tmp_path: Path) -> None:
    shape = np.zeros((4, 6, 4), np.uint8)
    shape[:, :, :3], shape[1:3, 1:3, 3] = 255, 255  # white on nothing
    save(tmp_path / "cat" / "2.png", shape)
    said = "1 pictures are of one colour only: cat/2.png; is `background` right?"
    assert read(tmp_path, "cat/1.png", "dog/1.png").remarks == (said,)
    assert image_folder.read(tmp_path, size=[4, 6], background=[0, 0, 0]).remarks == ()
    assert image_folder.read(tmp_path, size=[1, 1]).remarks == ()


REFUSED: dict[str, tuple[list[str], str]] = {
    "nothing": ([], "no folder for any class; move the pictures"),
    "pictures alone": (["1.png"], "no folder for any class; move the pictures"),
    "one class": (["cat/1.png"], "only one class, cat; add a folder for another one"),
    "a folder around the classes": (["pets/cat/1.png", "pets/dog/1.png"], "class folders are in pets, give that"),
    "an empty class": (["cat/1.png", "dog/"], "no picture of class dog; add some, or remove the folder"),
    "a class of other files": (["cat/1.png", "dog/1.heic"], r"class dog; .*left out: 1 files: .heic 1 \(dog/1.heic\)"),
    "an empty split": (["train/cat/1.png", "train/dog/1.png", "test/cat/"], "test: no picture of class cat, dog; add"),
    "a new class in test": (
        ["train/cat/1.png", "train/dog/1.png", "test/cow/1.png"],
        "test: class cow is not in train, which has cat, dog; add it there, or rename",
    ),
    "a split twice": (
        ["train/cat/1.png", "val/cat/1.png", "Valid/cat/1.png"],
        "one split among Valid, train, val; move",
    ),
    "train beside classes": (
        ["train/1.png", "car/1.png"],
        "are train splits or classes, beside car. Splits: there has to be a folder `train`, and no folder but splits. "
        "Classes: move all folders into a new folder `train`",
    ),
    "no train": (
        ["test/cat/1.png", "val/cat/1.png"],
        "are test, val splits or classes. Splits: there has to be a folder",
    ),
    "a subfolder": (
        ["cat/wild/1.png", "dog/1.png"],
        "cat/wild/1.png: a picture in a subfolder of class cat; move it up",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_name(tmp_path: Path, case: str) -> None:
    names, said = REFUSED[case]
    with pytest.raises(DataError, match=said):
        read(tmp_path, *names)


def test_a_source_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a.zip: no folder; `source` is"):
        image_folder.read(write(tmp_path / "a.zip", ""), size=[4, 6])


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, "cat/1.png", "dog/1.png")
    os.rename(tmp_path / "cat" / "1.png", os.fsencode(tmp_path) + b"/cat/\xff.png")
    with pytest.raises(DataError, match=r"cat/\\udcff.png': a name that is no UTF-8; rename it"):
        read(tmp_path)


# side by side


def many(folder: Path, count: int = 30) -> Path:
    for number in range(count):
        save(folder / f"class{number % 2}" / f"{number:03}.png", np.roll(SMALL, number))
    return folder


@pytest.mark.parametrize("share", [0, 1], ids=["in a file", "in memory"])
def test_processes_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: int) -> None:
    alone = read(many(tmp_path)).splits["train"]
    monkeypatch.setattr(image_folder, "WORTH_A_PROCESS", 10)
    monkeypatch.setattr(arrays, "MEMORY_SHARE", share)
    together = read(tmp_path).splits["train"]
    assert (alone[0] == together[0]).all() and (alone[1] == together[1]).all()


def test_the_first_picture_that_is_refused_is_named_by_several_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_folder, "WORTH_A_PROCESS", 10)
    many(tmp_path)
    for name in ("class1/029.png", "class0/006.png", "class0/016.png"):
        (tmp_path / name).write_bytes(b"")
    for _ in range(3):
        with pytest.raises(DataError, match="class0/006.png: no readable picture"):
            read(tmp_path)


# links


def linked(folder: Path) -> Path:
    """A source whose classes, pictures and split are links to what lies elsewhere."""
    elsewhere = fill(folder / "elsewhere", "cats/1.png", "dogs/1.png", "some/2.png")
    source = folder / "source"
    (source / "train").mkdir(parents=True)
    (source / "train" / "cat").symlink_to(elsewhere / "cats")
    (source / "train" / "dog").symlink_to(elsewhere / "dogs")
    (elsewhere / "dogs" / "2.png").symlink_to(elsewhere / "some" / "2.png")
    (source / "test").symlink_to(source / "train")
    return source


def test_links_are_followed(tmp_path: Path) -> None:
    found = told(read(linked(tmp_path)))
    assert found["train"] == ["train/cat/1.png cat", "train/dog/1.png dog", "train/dog/2.png dog"]
    assert found["test"] == [line.replace("train", "test") for line in found["train"]]


def test_links_that_go_round_end(tmp_path: Path) -> None:
    fill(tmp_path, "cat/1.png", "dog/1.png")
    (tmp_path / "cat" / "back").symlink_to(tmp_path)
    (tmp_path / "dog" / "self").symlink_to(tmp_path / "dog")
    assert told(read(tmp_path, subfolders=True)) == {"train": ["cat/1.png cat", "dog/1.png dog"]}


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    fill(tmp_path, "cat/1.png", "dog/1.png")
    (tmp_path / "cat" / "2.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(DataError, match="cat/2.png: no readable picture .FileNotFoundError"):
        read(tmp_path)


def test_the_digest_of_a_source_sees_what_the_reader_sees(tmp_path: Path) -> None:
    source = linked(tmp_path)
    before = fingerprint.of_path(source)
    fill(source, ".DS_Store", "train/.ipynb_checkpoints/1.png", "train/cat/Thumbs.db")
    assert fingerprint.of_path(source) == before
    save(tmp_path / "elsewhere" / "cats" / "1.png", 255 - SMALL)
    assert fingerprint.of_path(source) != before
