"""Files of a user's own: read as they are, or refused with the file, the line or the numbers that are wrong."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.cells.cell import read_json
from pipeline.data import prepare
from pipeline.data.raw import DataError, Raw, encode
from pipeline.data.readers import cifar10, csv, idx, image_folder, npz, rda, seglearn_watch, ts
from pipeline.tasks._task import find

RNG = np.random.default_rng(0)


def encoded(raw: Raw, task: str = "classification") -> Raw:
    """As `prepare` goes on with it."""
    return prepare._targeted(raw, find(task))


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# csv


def test_csv_with_header_names_and_quotes(tmp_path: Path) -> None:
    raw = encoded(csv.read(write(tmp_path / "t.csv", 'a,b,"kind"\n1,2.5,"cat, wild"\n\n3,-4e1,dog\n'), skip=1))
    x, y = raw.splits["train"]
    assert x.tolist() == [[1, 2.5], [3, -40]] and x.dtype == np.float32
    assert raw.classes == ["cat, wild", "dog"] and y.tolist() == [0, 1]


def test_csv_columns_kept_and_classes_renumbered(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "0,1,2,3\n2,4,5,6\n1,7,8,9\n")
    raw = encoded(csv.read(path, label=0, columns=[0, 2], keep=[2, 1], classes=["a", "b", "c"]))
    assert raw.splits["train"][0].tolist() == [[4, 6], [7, 9]]
    assert raw.splits["train"][1].tolist() == [1, 0] and raw.classes == ["b", "c"]


def test_csv_splits_of_the_source_share_their_classes(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "1,cat\n2,dog\n")
    write(tmp_path / "test.csv", "3,ant\n4,dog\n")
    raw = encoded(csv.read(tmp_path))
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
        ("1,b,0\n1,c,1\n", {"categorical": [3]}, "categorical .*3.* 2 features"),
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
        encoded(csv.read(write(tmp_path / "t.csv", text), **options))


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


def test_csv_of_numbers_to_predict(tmp_path: Path) -> None:
    raw = csv.read(write(tmp_path / "t.csv", "1,2.5\n3,-0.25\n"))
    assert encoded(raw, "regression").splits["train"][1].tolist() == [2.5, -0.25]
    with pytest.raises(DataError, match="a target is no number: .*cat"):
        encoded(csv.read(write(tmp_path / "u.csv", "1,cat\n3,2\n")), "regression")


def test_csv_turns_names_into_columns(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", "1,red,5\n2,blue,6\n")
    write(tmp_path / "test.csv", "3,green,7\n")
    raw = csv.read(tmp_path, categorical=[1])  # blue, green, red
    assert raw.splits["train"][0].tolist() == [[1, 0, 0, 1], [2, 1, 0, 0]]
    assert raw.splits["test"][0].tolist() == [[3, 0, 1, 0]]


def test_csv_with_labels_in_a_file_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "t.csv", "1 2\n3 4\n")
    write(tmp_path / "target.csv", "1.5e+01\n2.5\n")
    raw = encoded(csv.read(tmp_path, label_file="target.csv", delimiter=" "), "regression")
    assert raw.splits["train"][0].tolist() == [[1, 2], [3, 4]] and raw.splits["train"][1].tolist() == [15.0, 2.5]
    write(tmp_path / "target.csv", "1\n2\n3\n")
    with pytest.raises(DataError, match="target.csv: 3 labels for 2 rows"):
        csv.read(tmp_path, label_file="target.csv", delimiter=" ")


# npz


def arrays(**changes: Any) -> dict[str, np.ndarray]:
    return {"x_train": RNG.random((6, 4)), "y_train": np.arange(6) % 2, **changes}


def test_npz_tables_and_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays(x_test=np.ones((2, 4)), y_test=np.array([[0], [1]])))
    raw = encoded(npz.read(tmp_path / "a.npz"))
    assert raw.splits["train"][0].dtype == np.float32 and raw.splits["test"][1].tolist() == [0, 1]
    np.savez(tmp_path / "b.npz", **arrays(x_train=np.zeros((6, 2, 2), np.uint8)))
    assert npz.read(tmp_path / "b.npz", shape=[1, 2, 2]).splits["train"][0].shape == (6, 1, 2, 2)


def test_npz_of_series(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays(x_train=np.ones((6, 5, 2))))
    x, _ = npz.read(tmp_path / "a.npz", shape=[5, 2]).splits["train"]
    assert x.shape == (6, 5, 2) and x.dtype == np.float32
    with pytest.raises(DataError, match=r"series need option `shape`, such as \[5, 2\]"):
        npz.read(tmp_path / "a.npz")


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
        encoded(npz.read(tmp_path / "a.npz", **options))


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
    raw = encoded(idx.read(idx_folder))
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


# ts

SERIES = """# a comment
@problemName mine
@equalLength false
@classLabel true a b
@data
1,2,3:4,5,6:a
7,8:9,10:b
"""


def test_ts_fills_short_series_up_with_nan(tmp_path: Path) -> None:
    write(tmp_path / "train.ts", SERIES)
    write(tmp_path / "test.ts", SERIES.replace("7,8:9,10:b", "1,2,3,4:5,6,7,8:b"))
    raw = encoded(ts.read(tmp_path))
    x, y = raw.splits["train"]
    assert x.shape == (2, 4, 2) and raw.classes == ["a", "b"] and y.tolist() == [0, 1]
    np.testing.assert_array_equal(x[1], [[7, 9], [8, 10], [np.nan, np.nan], [np.nan, np.nan]])
    assert raw.splits["test"][0][1].tolist() == [[1, 5], [2, 6], [3, 7], [4, 8]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SERIES.replace("7,8:9,10", "7,8:9"), "train.ts:7: no series of numbers"),
        (SERIES.replace("7,8", "7,x"), "train.ts:7: .*'x'"),
        (SERIES.replace("7,8:9,10", "7,8"), r"series of \[1, 2\] dimensions"),
        (SERIES.replace("@classLabel true a b\n", ""), "2 series and 0 classes"),
        ("", "0 series and 0 classes"),
        (SERIES.replace(":b", ":c"), "1 of 4 labels are none of the classes a, b"),
    ],
)
def test_ts_refuses(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path / "train.ts", text)
    write(tmp_path / "test.ts", SERIES)
    with pytest.raises(DataError, match=said):
        encoded(ts.read(tmp_path))


# what packages ship


@pytest.mark.parametrize(
    ("name", "shape", "counts", "classes"),
    [
        ("mnist", (1, 28, 28), (54_000, 6_000, 10_000), 10),
        ("letter", (16,), (14_400, 1_600, 4_000), 26),
        ("satellite", (36,), (3_991, 444, 2_000), 6),
        ("wine", (13,), (89, 36, 53), 3),
        ("breast_cancer", (30,), (284, 114, 171), 2),
        ("diabetes", (10,), (221, 88, 133), 0),
        ("apartments", (14,), (800, 200, 9_000), 0),
        ("japanese_vowels", (29, 12), (270, 54, 370), 9),
        ("italy_power_demand", (24, 1), (67, 13, 1_029), 2),
        ("gun_point", (150, 1), (50, 10, 150), 2),
    ],
)
def test_data_sets_are_what_their_sources_say(
    laboratory: Any, name: str, shape: tuple[int, ...], counts: tuple[int, ...], classes: int
) -> None:
    meta = read_json(laboratory.data(name) / "meta.json")
    assert tuple(meta["shape"]) == shape and len(meta["classes"]) == classes
    assert tuple(sum(meta["counts"][split]) for split in prepare.SPLITS) == counts


def test_japanese_vowels_have_the_lengths_that_the_archive_states(laboratory: Any) -> None:
    x = np.load(laboratory.data("japanese_vowels") / "x_train.npy")
    lengths = (~np.isnan(x[:, :, 0])).sum(axis=1)
    assert (lengths.min(), lengths.max()) == (7, 26) and np.isnan(x).sum() == 12 * (29 * 270 - lengths.sum())


def test_nobody_who_wears_the_watch_is_in_two_splits(laboratory: Any) -> None:
    meta = read_json(laboratory.data("watch") / "meta.json")
    assert meta["shape"] == [50, 6] and meta["classes"] == ["PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW"]
    assert not any(meta["duplicates"].values()) and all(min(c) > 5 for c in meta["counts"].values())
    with pytest.raises(DataError, match="person 7 is in validation and in test"):
        seglearn_watch.read(laboratory.root / "raw" / "watch", test=[7])


def test_rda_names_the_columns_that_there_are(laboratory: Any) -> None:
    laboratory.data("letter")
    with pytest.raises(DataError, match="no column 'letter'; it has lettr, x.box"):
        rda.read(laboratory.root / "raw" / "letter", label="letter")


# cifar10


def batch(path: Path, seed: int, count: int = 20) -> np.ndarray:
    """As the authors wrote them: bytes for keys, an image a row, red before green before blue."""
    rng = np.random.default_rng(seed)
    data = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
    path.write_bytes(pickle.dumps({b"data": data, b"labels": (np.arange(count) % 10).tolist()}, protocol=2))
    return data


def test_cifar10_in_its_own_format(tmp_path: Path) -> None:
    first, *_ = [batch(tmp_path / f"data_batch_{i}", i) for i in range(1, 6)]
    batch(tmp_path / "test_batch", 6)
    names = [f"class{i}".encode() for i in range(10)]
    (tmp_path / "batches.meta").write_bytes(pickle.dumps({b"label_names": names}, protocol=2))
    raw = encoded(cifar10.read(tmp_path))
    x, y = raw.splits["train"]
    assert x.shape == (100, 3, 32, 32) and x.dtype == np.uint8 and raw.splits["test"][0].shape == (20, 3, 32, 32)
    assert x[0, 1, 2, 3] == first[0, 1024 + 2 * 32 + 3] and y[:11].tolist() == [*range(10), 0]
    assert raw.classes == [n.decode() for n in names]


def test_cifar10_runs_nothing_that_a_pickle_names(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(Exploit()))
    with pytest.raises(DataError, match="data_batch_1: no batch of CIFAR-10: the pickle names .*setattr"):
        cifar10.read(tmp_path)
    assert not Exploit.ran
    with pytest.raises(DataError, match="no data_batch_1"):
        cifar10.read(tmp_path / "nothing")
