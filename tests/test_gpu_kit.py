"""What a GPU machine is given, and how its cells come back. bench/gpu.sh itself is tried by hand: it needs the kit."""

from pathlib import Path

import pytest

from bench import gpu, gpu_kit
from bench.scratch import ROOT
from pipeline import paths
from pipeline.cells import fingerprint, store
from pipeline.cells.cell import Cell, write_json
from pipeline.config import loading
from pipeline.introspection import Strict


def test_its_packages_are_pinned_and_its_rows_exist() -> None:
    lock = (ROOT / "requirements.txt").read_text()
    assert all(f"\n{name}==" in lock for name in gpu_kit.PACKAGES)
    assert set(gpu_kit.ROWS) <= set(loading.load(profile=gpu_kit.PROFILE).experiments)


class Value(Strict):
    value: int


def finished(value: int, size: int) -> Cell:
    cell = Cell("train", "pipeline.run.plan", Value(value=value), Path(), "row", value)
    cell.folder.mkdir(parents=True)
    write_json(cell.folder / "spec.json", {**cell.resolved, "key": cell.key})
    (cell.folder / "weights").write_bytes(fingerprint.of_json(value).encode() * (size // 64))
    store.seal(cell.folder, cell.key)
    return cell


def test_cells_come_back_in_parts_and_what_is_too_much_in_the_next_call(
    own_cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "PACKED", own_cells / "packed.json")
    monkeypatch.setattr(gpu, "PART", 400)
    monkeypatch.setattr(gpu, "WHOLE", 5_000)
    rows = [gpu.Row(f"row{row}", [finished(2 * row + seed, 1_200) for seed in range(2)]) for row in range(2)]
    keys = {cell.key for row in rows for cell in row.cells}
    brought: set[str] = set()
    for call in range(5):
        out = tmp_path / f"out{call}"
        out.mkdir()
        told = gpu.pack(rows, out)
        assert all(path.stat().st_size <= 400 for path in out.iterdir())
        if told["packed"]:
            monkeypatch.setattr(paths, "CELLS", tmp_path / "home")
            assert store.import_from(out) == (told["packed"], 0)
            brought = {folder.name for folder in store.finished()}
            monkeypatch.setattr(paths, "CELLS", own_cells)
    assert brought == keys and told == {"packed": 0, "waiting": 0, "bytes": 0}
