"""Files of a user's own: read as they are, or refused with the file, the line or the numbers that are wrong."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.data.raw import DataError, encode
from pipeline.data.readers import csv, idx, image_folder, npz

RNG = np.random.default_rng(0)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# csv


def test_csv_with_header_names_and_quotes(tmp_path: Path) -> None:
    raw = csv.read(write(tmp_path / "t.csv", 'a,b,"kind"\n1,2.5,"cat, wild"\n\n3,-4e1,dog\n'), skip=1)
    x, y = raw.splits["train"]
    assert x.tolist() == [[1, 2.5], [3, -40]] and x.dtype == np.float32
    assert raw.classes == ["cat, wild", "dog"] and y.tolist() == [0, 1]


def test_csv_columns_kept_and_classes_renumbered(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "0,1,2,3\n2,4,5,6\n1,7,8,9\n")
    raw = csv.read(path, label=0, columns=[0, 2], keep=[2, 1], classes=["a", "b", "c"])
    assert raw.splits["train"][0].tolist() == [[4, 6], [7, 9]]
    assert raw.splits["train"][1].tolist() == [1, 0] and raw.classes == ["b", "c"]


def test_csv_splits_of_the_source_share_their_classes(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "1,cat\n2,dog\n")
    write(tmp_path / "test.csv", "3,ant\n4,dog\n")
    raw = csv.read(tmp_path)
    assert raw.classes == ["ant", "cat", "dog"]
    assert raw.splits["train"][1].tolist() == [1, 2] and raw.splits["test"][1].tolist() == [0, 2]


def test_csv_of_images(tmp_path: Path) -> None:
    raw = csv.read(write(tmp_path / "t.csv", "0,255,3,4,1\n5,6,7,8,0\n"), shape=[1, 2, 2])
    assert raw.splits["train"][0].dtype == np.uint8 and raw.splits["train"][0][0].tolist() == [[[0, 255], [3, 4]]]


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("1,2,0\n3,x,1\n", {}, "t.csv:2: 'x'"),
        ("a,b,kind\n1,2,0\n", {}, "t.csv:1: 'a' .*skip"),
        ("a,b,c\n1,2,0\n\n\n3,,1\n", {"skip": 1}, "t.csv:5: ''"),
        ("1,2,0\n1,2,3,4\n", {}, "t.csv:2: 4 values.* 3"),
        ("1,2,0\n\n\n1,0\n", {}, "t.csv:4: 2 values.* 3"),
        ("", {}, "t.csv: no rows"),
        ("a,b\n", {"skip": 1}, "t.csv: no rows"),
        ("0\n1\n", {}, "at least one"),
        ("1,2,0\n", {"label": 5}, "t.csv:1: label 5 of 3 columns"),
        ("1,2,0\n1,2,0\n", {"columns": [2]}, "columns .*2.* 2 features"),
        ("1,2,0\n3,4,1\n", {"keep": [0, 7]}, "keep.*7"),
        ("1,2,3,4,0\n", {"shape": [1, 3, 3]}, "4 values.*9"),
        ("1,2,3,300,0\n", {"shape": [1, 2, 2]}, "1 of 4 .*0 to 255"),
        ("1,2,3,-1,0\n", {"shape": [1, 2, 2]}, "0 to 255"),
        ("1,2,3,0.5,0\n", {"shape": [1, 2, 2]}, "0 to 255"),
        ("1,2,3,nan,0\n", {"shape": [1, 2, 2]}, "0 to 255"),
        ("1,2,1000000\n", {}, "labels go up to 1000000, more classes than the 1 items"),
        ("1,2,cat\n1,2,cow\n", {"classes": ["cat", "dog"]}, "1 of 2 labels.*cow"),
    ],
)
def test_csv_refuses(tmp_path: Path, text: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        csv.read(write(tmp_path / "t.csv", text), **options)


def test_csv_refuses_a_folder_of_several_tables(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        write(tmp_path / name, "1,0\n")
    with pytest.raises(DataError, match="one.csv.*two.csv"):
        csv.read(tmp_path)
    with pytest.raises(DataError, match="expected one .csv"):
        csv.read(tmp_path / "nothing")


def test_names_keep_the_order_that_is_given() -> None:
    y, classes = encode(np.array(["dog", "cat", "dog"]), ["dog", "cat"])
    assert y.tolist() == [0, 1, 0] and classes == ["dog", "cat"]


@pytest.mark.parametrize(("labels", "said"), [([0.0, np.nan], "1 of 2 labels.*nan"), ([0.5, 1.0], "0.5")])
def test_labels_that_are_no_whole_numbers_are_refused(labels: list[float], said: str) -> None:
    with pytest.raises(DataError, match=said):
        encode(np.array(labels))


# npz


def arrays(**changes: Any) -> dict[str, np.ndarray]:
    return {"x_train": RNG.random((6, 4)), "y_train": np.arange(6) % 2, **changes}


def test_npz_tables_and_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays(x_test=np.ones((2, 4)), y_test=np.array([[0], [1]])))
    raw = npz.read(tmp_path / "a.npz")
    assert raw.splits["train"][0].dtype == np.float32 and raw.splits["test"][1].tolist() == [0, 1]
    np.savez(tmp_path / "b.npz", **arrays(x_train=np.zeros((6, 2, 2), np.uint8)))
    assert npz.read(tmp_path / "b.npz", shape=[1, 2, 2]).splits["train"][0].shape == (6, 1, 2, 2)


class Exploit:
    ran = False

    def __reduce__(self) -> tuple[Any, ...]:
        return (setattr, (Exploit, "ran", True))


def test_npz_with_a_pickle_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays(x_train=np.array([Exploit()], dtype=object)))
    with pytest.raises(DataError, match="a.npz: not an archive of plain arrays.*allow_pickle"):
        npz.read(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Exploit()))
    with pytest.raises(DataError, match="b.npz: not an archive of plain arrays"):
        npz.read(tmp_path / "b.npz")
    assert not Exploit.ran


@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        ({"y_train": np.eye(6)}, {}, r"y_train .*\(6, 6\)"),
        ({"x_train": np.array([["a"] * 4] * 6)}, {}, "x_train .*<U1"),
        ({"x_train": np.zeros((6, 4), np.complex64)}, {}, "x_train .*complex64"),
        ({"x_train": np.zeros((6, 2, 2), np.uint8)}, {"shape": [3, 2, 2]}, r"shape \(6, 2, 2\).*\(3, 2, 2\)"),
        ({"x_test": np.ones((2, 4))}, {}, "x_test .*no y_test"),
        ({"y_train": np.array([0, 1, 2, 0, 1, 2.5])}, {}, "1 of 6 labels.*2.5"),
    ],
)
def test_npz_refuses(tmp_path: Path, changes: dict[str, np.ndarray], options: dict[str, Any], said: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays(**changes))
    with pytest.raises(DataError, match=said):
        npz.read(tmp_path / "a.npz", **options)


def test_npz_names_what_it_holds_instead(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.ones(3), labels=np.ones(3))
    with pytest.raises(DataError, match="no x_train and y_train; it holds images, labels"):
        npz.read(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:100])
    with pytest.raises(DataError, match="b.npz"):
        npz.read(tmp_path / "b.npz")


# image_folder


def picture(path: Path, value: int = 7, mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (6, 4), value if mode == "L" else (value, 0, 0)).save(path)


def test_images_are_scaled_and_sorted_by_class(tmp_path: Path) -> None:
    for name in ("cat/1.png", "cat/2.jpg", "dog/1.png"):
        picture(tmp_path / name, mode="RGB")
    write(tmp_path / "dog" / "notes.txt", "not an image")
    raw = image_folder.read(tmp_path, size=[8, 10])
    x, y = raw.splits["train"]
    assert (
        x.shape == (3, 3, 8, 10) and x.dtype == np.uint8 and y.tolist() == [0, 0, 1] and raw.classes == ["cat", "dog"]
    )
    assert image_folder.read(tmp_path, size=[8, 10], channels=1).splits["train"][0].shape == (3, 1, 8, 10)


def test_splits_of_folders(tmp_path: Path) -> None:
    for name in ("train/cat/1.png", "train/dog/1.png", "test/dog/1.png"):
        picture(tmp_path / name)
    assert image_folder.read(tmp_path, size=[4, 4]).splits["test"][1].tolist() == [1]


@pytest.mark.parametrize("damage", ["text", "truncated", "empty"])
def test_a_broken_image_is_named(tmp_path: Path, damage: str) -> None:
    picture(tmp_path / "cat" / "1.png")
    Image.fromarray(RNG.integers(0, 255, (64, 64), dtype=np.uint8)).save(tmp_path / "cat" / "2.png")
    whole = (tmp_path / "cat" / "2.png").read_bytes()
    (tmp_path / "cat" / "2.png").write_bytes({"text": b"no image", "truncated": whole[:2000], "empty": b""}[damage])
    with pytest.raises(DataError, match="cat/2.png: no readable image"):
        image_folder.read(tmp_path, size=[8, 8])


def test_folders_without_images_or_classes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no folder for any class"):
        image_folder.read(tmp_path, size=[8, 8])
    (tmp_path / "cat").mkdir()
    with pytest.raises(DataError, match="no images .*in cat"):
        image_folder.read(tmp_path, size=[8, 8])


# idx


def packed(magic: int, shape: tuple[int, ...], content: bytes) -> bytes:
    return np.array([magic, *shape], ">u4").tobytes() + content


@pytest.fixture
def idx_folder(tmp_path: Path) -> Path:
    for split in ("train", "test"):
        (tmp_path / f"{split}-images").write_bytes(packed(0x803, (4, 2, 2), bytes(range(16))))
        (tmp_path / f"{split}-labels").write_bytes(packed(0x801, (4,), bytes([0, 1, 2, 1])))
    return tmp_path


def test_idx(idx_folder: Path) -> None:
    raw = idx.read(idx_folder)
    assert raw.splits["test"][0].shape == (4, 1, 2, 2) and raw.classes == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (packed(0x803, (4, 2, 2), bytes(15)), r"31 bytes, but its header announces \(4, 2, 2\)"),
        (packed(0x801, (16,), bytes(16)), "magic number 0x801"),
        (b"\0\0", "2 bytes"),
        (b"", "0 bytes"),
    ],
)
def test_idx_refuses(idx_folder: Path, content: bytes, said: str) -> None:
    (idx_folder / "train-images").write_bytes(content)
    with pytest.raises(DataError, match=said):
        idx.read(idx_folder)
