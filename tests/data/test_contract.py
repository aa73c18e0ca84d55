"""Every reader keeps its contract, and prepared data is the same where arrays are too large for memory."""

import hashlib
import importlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline import introspection
from pipeline.cells.cell import read_json, write_json
from pipeline.config import loading
from pipeline.data import arrays, dataset, prepare
from pipeline.data.arrays import Mapped
from pipeline.data.batches import Batches
from pipeline.data.kinds import KINDS
from pipeline.data.raw import DataError, Raw
from pipeline.data.section import Data
from pipeline.data.spec import Budget, Prepare, Split
from tests.data.reading import encoded
from tests.laboratory import Laboratory

READERS = [  # of arrays; those of text: test_text_contract.py
    name
    for name in introspection.names("data/readers")
    if introspection.constant(f"data/readers/{name}", "KIND") != "tokens"
]
SHIPPED = {data.reader: name for name, data in reversed(loading.load().data.items())}  # the first of each reader
SPLIT = Split(validation=0.2, test=0.2)


def npz(folder: Path) -> dict[str, Any]:
    x = np.random.default_rng(0).random((60, 5, 2)).astype(np.float32)
    x[3, 4:] = np.nan
    np.savez(folder / "a.npz", x_train=x, y_train=np.arange(60) % 3)
    return {"shape": [5, 2]}


def image_folder(folder: Path) -> dict[str, Any]:
    pixels = np.random.default_rng(0).integers(0, 255, (30, 6, 5, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        path = folder / f"kind{number % 3}" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(path)
    return {"size": [6, 5]}


def cifar10(folder: Path) -> dict[str, Any]:
    for name in ("data_batch_1", "test_batch"):
        x = np.random.default_rng(len(name)).integers(0, 255, (20, 3072), dtype=np.uint8)
        (folder / name).write_bytes(pickle.dumps({b"data": x, b"labels": [n % 2 for n in range(20)]}))
    (folder / "batches.meta").write_bytes(pickle.dumps({b"label_names": [b"cat", b"dog"]}))
    return {}


# Sources of the readers that no shipped data set uses: written into a folder; returns the reader's options.
OWN: dict[str, Callable[[Path], dict[str, Any]]] = {"npz": npz, "image_folder": image_folder, "cifar10": cifar10}


@pytest.fixture(scope="module", params=READERS)
def source(
    request: pytest.FixtureRequest, laboratory: Laboratory, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, dict[str, Any], str]:
    """(reader, folder, options, task): of a shipped data set that it reads, else a small one of the suite's own."""
    reader = request.param
    if reader in SHIPPED:
        data = laboratory.plan.params.data[SHIPPED[reader]]
        return reader, laboratory.raw(SHIPPED[reader]), data.options, data.task
    assert reader in OWN, f"no data set is read by {reader}: give the suite a source for it in OWN"
    folder = tmp_path_factory.mktemp(reader)
    return reader, folder, OWN[reader](folder), "classification"


def read(source: tuple[str, Path, dict[str, Any], str]) -> Raw:
    reader, folder, options, _ = source
    found: Raw = importlib.import_module(f"pipeline.data.readers.{reader}").read(folder, **options)
    return found


def test_it_says_the_kind_that_params_yaml_is_checked_by(source: Any) -> None:
    reader, _, options, task = source
    section = Data(source="x", reader=reader, options=options, task=task, split=Split(), budget={})
    assert read(source).kind == section.kind and section.kind in KINDS
    assert introspection.constant(f"data/readers/{reader}", "KIND") in (section.kind, None)
    introspection.options(f"data/readers/{reader}", "read").model_validate(options)


def test_items_are_of_their_kind_and_each_has_a_label(source: Any) -> None:
    raw = read(source)
    kind, shape = KINDS[raw.kind], raw.splits["train"][0].shape[1:]
    assert "train" in raw.splits and set(raw.splits) <= set(prepare.SPLITS)
    for x, y in raw.splits.values():
        assert x.dtype == kind.dtype and x.ndim == kind.dimensions and x.shape[1:] == shape
        assert y.shape == (len(x),) and len(x)
    prepare._check(raw, kind, "it")
    encoded(raw, source[3])
    assert raw.where is None or raw.where("train", 0) != raw.where("train", 1)


def test_reading_twice_gives_the_same(source: Any) -> None:
    one, two = read(source), read(source)
    assert one.classes == two.classes
    for split, (x, y) in one.splits.items():
        assert np.array_equal(y, two.splits[split][1])
        np.testing.assert_array_equal(x, two.splits[split][0])


def test_an_empty_folder_is_an_error_that_names_it(source: Any, tmp_path: Path) -> None:
    with pytest.raises((DataError, FileNotFoundError), match=tmp_path.name):
        read((source[0], tmp_path, *source[2:]))


def prepared(source: Any, folder: Path) -> dict[str, str]:
    """Digests of the files that `prepare` writes."""
    reader, raw, options, task = source
    folder.mkdir()
    card = folder.with_suffix(".raw")
    card.mkdir()
    write_json(card / "card.json", {"title": "mine", "path": str(raw)})
    prepare.run(Prepare(data="mine", reader=reader, options=options, task=task, split=SPLIT), folder, {"raw": card})
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.slow
def test_what_is_too_large_for_memory_is_prepared_and_seen_the_same(
    source: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit, with batches that are gathered from files; only then are arrays mapped."""
    small = prepared(source, tmp_path / "small")
    train = sum(read_json(tmp_path / "small" / "meta.json")["counts"]["train"])
    budget = Budget(samples=train * 2 // 3, epochs=1)
    kept = [dataset.load(tmp_path / "small", b, 0, prepare.SPLITS) for b in (budget, Budget(epochs=1))]
    monkeypatch.setattr(arrays, "MEMORY_SHARE", 0)
    assert prepared(source, tmp_path / "large") == small
    mapped = [dataset.load(tmp_path / "large", b, 0, prepare.SPLITS) for b in (budget, Budget(epochs=1))]
    chosen = torch.tensor([3, 0, 7, 3])
    for memory, file in zip(kept, mapped, strict=True):
        assert read_json(tmp_path / "small" / "meta.json") == memory.meta == file.meta
        for split, x in file.x.items():
            assert isinstance(x, Mapped) and isinstance(memory.x[split], np.ndarray)
            assert x.shape == memory.x[split].shape and x.dtype == memory.x[split].dtype
            np.testing.assert_array_equal(np.asarray(x), memory.x[split])
            np.testing.assert_array_equal(x[2:5], memory.x[split][2:5])
        one, two = (Batches(d.kind, d.x["train"], d.target("train"), 8, 0) for d in (memory, file))
        np.testing.assert_array_equal(one.gather(chosen).numpy(), two.gather(chosen).numpy())
        for a, b in zip(one.parts(7), two.parts(7), strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
