"""Archives and images of a user's own: read as they are, or refused with the file and the numbers that are wrong."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.data.raw import DataError
from pipeline.data.readers import cifar10, idx, npz
from tests.data.reading import encoded

RNG = np.random.default_rng(0)


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
    with pytest.raises(DataError, match=r"series and images need option `shape`, such as \{shape: \[5, 2\]\}"):
        npz.read(tmp_path / "a.npz")


@pytest.mark.parametrize("layout", ["CHW", "HWC"])
def test_npz_of_images_in_either_layout(tmp_path: Path, layout: str) -> None:
    images = RNG.integers(0, 256, (6, 3, 4, 5))  # (N, C, H, W), int64
    stored = images if layout == "CHW" else images.transpose(0, 2, 3, 1)
    np.savez_compressed(tmp_path / "a.npz", **arrays(x_train=stored))
    found = npz.read(tmp_path / "a.npz", shape=[3, 4, 5], layout=layout).splits["train"][0]
    assert found.dtype == np.uint8 and np.array_equal(found, images)
    if layout == "HWC":
        with pytest.raises(DataError, match=r"\{layout: HWC\} or save x.transpose\(0, 3, 1, 2\)"):
            npz.read(tmp_path / "a.npz", shape=[3, 4, 5])
    for other in ((6, 5, 3, 4), (6, 4, 5, 3), (6, 60)):
        with pytest.raises(DataError, match=r"a.npz: x_train holds items of shape"):
            npz.read(save(tmp_path, stored.reshape(other)), shape=[3, 4, 5], layout="CHW")


def save(folder: Path, x: np.ndarray) -> Path:
    np.savez(folder / "a.npz", **arrays(x_train=x))
    return folder / "a.npz"


def test_npz_that_has_one_reading_alone(tmp_path: Path) -> None:
    grey = RNG.integers(0, 256, (6, 4, 5), dtype=np.uint8)
    for stored in (grey, grey.reshape(6, 20), grey[:, None], grey.astype(np.float64)):
        assert np.array_equal(npz.read(save(tmp_path, stored), shape=[1, 4, 5]).splits["train"][0][:, 0], grey)
    waves = RNG.random((6, 7, 2), np.float32)
    assert np.array_equal(
        npz.read(save(tmp_path, waves.swapaxes(1, 2)), shape=[7, 2], layout="FT").splits["train"][0], waves
    )
    with pytest.raises(DataError, match=r"layout: FT\} or save x.transpose\(0, 2, 1\)"):
        npz.read(save(tmp_path, waves.swapaxes(1, 2)), shape=[7, 2])
    with pytest.raises(DataError, match="layout 'HWC' with shape .* has axes TF"):
        npz.read(tmp_path / "a.npz", shape=[7, 2], layout="HWC")


def test_npz_says_what_it_leaves_out(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays(x_val=np.ones((2, 4)), y_val=np.array([0, 1]), names=np.array(["a"])))
    raw = npz.read(tmp_path / "a.npz")
    assert set(raw.splits) == {"train", "validation"} and raw.remarks == ("left out: arrays names",)
    np.savez(tmp_path / "a.npz", **arrays(x_train=1.7e9 + np.arange(24).reshape(6, 4)))
    with pytest.raises(DataError, match="a.npz: x_train: column 0 goes from 1700000000 to"):
        npz.read(tmp_path / "a.npz")


class Exploit:
    ran = False

    def __reduce__(self) -> tuple[Any, ...]:
        return (setattr, (Exploit, "ran", True))


def test_npz_with_a_pickle_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays(x_train=np.array([Exploit()], dtype=object)))
    with pytest.raises(DataError, match="a.npz: x_train is no plain array.*allow_pickle"):
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
        (
            {"x_train": np.zeros((6, 2, 2), np.uint8)},
            {"shape": [3, 2, 2]},
            r"shape \(2, 2\); shape says \(3, 2, 2\)",
        ),
        ({"x_test": np.ones((2, 4))}, {}, "x_test .*no y_test"),
        ({"y_test": np.ones(2)}, {}, "y_test is there, but no x_test"),
        ({"x_train": np.zeros((6, 0))}, {}, r"shape \(6, 0\)"),
        ({"x_train": np.zeros((6, 24), np.uint8)}, {"shape": [3, 1, 8]}, "flat, and their order is not known"),
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
