"""Cells: made once or not at all, a marker is the last word, later changes are found."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from pipeline import paths
from pipeline.cells import fingerprint, outputs, store
from pipeline.cells.cell import MARKER, VOLATILE, Cell, CellError, read_json, record, write_json
from pipeline.introspection import Strict

ENTRY = """
    import os, sys, time
    from pipeline.introspection import Strict
    class Spec(Strict):
        value: int
        count: str
        fault: str = ""
        seconds: float = 0.0
    def run(spec, folder, inputs):
        (folder / "value.txt").write_text(str(spec.value))
        (folder / "seen.txt").write_text(" ".join(sorted(p.name for p in folder.iterdir())))
        if spec.fault:
            raise RuntimeError(spec.fault)
        time.sleep(spec.seconds)
        with open(spec.count, "a") as file:
            file.write("run\\n")
        return {"status": "ok", "costs": {"price": 3}}
"""


@pytest.fixture(autouse=True)
def entry(own_cells: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_cells.parent / "entry_of_a_cell.py").write_text(textwrap.dedent(ENTRY))
    monkeypatch.syspath_prepend(own_cells.parent)


def order(value: int = 1, **spec: Any) -> Path:
    """Make a cell with a key of its own; returns its folder."""
    spec = {"kind": "train", "value": value, "count": str(paths.ROOT / "count"), **spec}
    key = fingerprint.of_json(spec)[:32]
    folder = paths.CELLS / key
    store.execute(key, folder, "entry_of_a_cell", spec, {})
    return folder


def runs() -> int:
    path = paths.ROOT / "count"
    return len(path.read_text().splitlines()) if path.exists() else 0


# made once, or not at all


def test_a_finished_cell_holds_what_was_asked_what_came_and_a_marker_over_both() -> None:
    folder = order()
    marker = json.loads((folder / MARKER).read_text())
    assert set(marker["files"]) == {"spec.json", "result.json", "costs.json", "value.txt", "seen.txt"}
    assert json.loads((folder / "result.json").read_text()) == {"status": "ok", "reason": None}
    assert json.loads((folder / "costs.json").read_text())["price"] == 3
    store.verify(folder)


def compact(**spec: Any) -> Path:
    """A cell whose JSON files stand in its marker."""
    return order(kind="evaluate", **spec)


def test_a_small_cell_is_one_file_beside_what_its_work_wrote(tmp_path: Path) -> None:
    folder = compact()
    assert {p.name for p in folder.iterdir()} == {MARKER, "value.txt", "seen.txt"}
    assert record(folder, "result.json") == {"status": "ok", "reason": None} == record(order(), "result.json")
    assert record(folder, "costs.json")["price"] == 3 and record(folder, "spec.json")["kind"] == "evaluate"
    with pytest.raises(CellError, match="history.json"):
        record(folder, "history.json")
    store.verify(folder)
    assert compact() == folder and runs() == 2
    assert store.import_from(paths.CELLS) == (0, 2)


@pytest.mark.parametrize("name", ["result.json", "costs.json"])
def test_damage_inside_a_marker_is_found(name: str) -> None:
    folder = compact()
    marker = json.loads((folder / MARKER).read_text())
    edit(folder / MARKER, records=marker["records"] | {name: marker["records"][name] | {"status": "fine"}})
    for read in (store.verify, store.require_sound, lambda folder: record(folder, name)):
        with pytest.raises(CellError, match=f"{name} in it changed; delete the folder to make it again"):
            read(folder)


def test_an_edited_specification_inside_a_marker_is_found() -> None:
    folder = compact()
    marker = json.loads((folder / MARKER).read_text())
    edit(folder / MARKER, records=marker["records"] | {"spec.json": marker["records"]["spec.json"] | {"value": 2}})
    with pytest.raises(CellError, match="spec.json in it changed; delete the folder to make it again"):
        store.verify(folder)


def test_a_second_order_runs_nothing() -> None:
    assert order() == order() and runs() == 1


def test_an_error_leaves_no_marker_and_the_next_attempt_starts_clean() -> None:
    with pytest.raises(RuntimeError, match="as it happens"):
        order(fault="as it happens")
    (folder,) = paths.CELLS.iterdir()
    assert not (folder / MARKER).exists() and not (folder / "result.json").exists()
    for name in ("checkpoint.ckpt", "left_over.bin"):
        (folder / name).write_text("of the first attempt")
    with pytest.raises(RuntimeError):
        order(fault="as it happens")
    assert (folder / "seen.txt").read_text().split() == ["checkpoint.ckpt", "spec.json", "value.txt"]


def test_a_folder_that_a_killed_attempt_left_stands_in_nobodys_way() -> None:
    folder = order()
    for path in folder.iterdir():
        path.unlink()
    (folder / "lightning_logs" / "version_0").mkdir(parents=True)
    assert order() == folder and runs() == 2
    store.verify(folder)


def test_two_processes_at_one_cell_make_it_once() -> None:
    code = (
        "import sys; sys.path.insert(0, {root!r}); from pathlib import Path; from pipeline.cells import store\n"
        "store.execute('k', Path({root!r}) / 'cell', 'entry_of_a_cell', "
        "{{'value': 1, 'seconds': 0.4, 'count': {count!r}}}, {{}})"
    )
    words = [sys.executable, "-c", code.format(root=str(paths.ROOT), count=str(paths.ROOT / "count"))]
    both = [subprocess.Popen(words, cwd=Path(__file__).parents[2]) for _ in range(2)]
    assert [process.wait(30) for process in both] == [0, 0]
    assert runs() == 1


def test_json_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"a": object()})
    assert read_json(tmp_path / "a.json") == {"a": 1}


@pytest.mark.parametrize("content", ["{", "", "[1]", None])
def test_a_file_that_is_no_json_object_is_named(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "a.json").write_text(content)
    with pytest.raises(CellError, match="a.json"):
        read_json(tmp_path / "a.json")


def test_a_link_shows_what_the_marker_names_and_nothing_else(tmp_path: Path) -> None:
    folder = order()
    (folder / "log.txt").write_text("said")
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "older.bin").write_text("of another cell")
    cell = Cell("train", "entry_of_a_cell", Strict(), tmp_path / "shown", "x")
    cell.__dict__["key"] = folder.name
    outputs.link(cell, tmp_path / "shown")
    expected = {"spec.json", "result.json", "costs.json", "value.txt", "seen.txt", MARKER}
    assert {p.name for p in (tmp_path / "shown").iterdir()} == expected
    assert os.stat(tmp_path / "shown" / "value.txt").st_ino == os.stat(folder / "value.txt").st_ino


# found out


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


DAMAGE: dict[str, tuple[Any, str]] = {
    "a flipped bit": (lambda f: flip(f / "value.txt"), "value.txt: content changed"),
    "a cut file": (lambda f: (f / "result.json").write_text(""), "result.json: content changed"),
    "a better result": (lambda f: edit(f / "result.json", status="fine"), "result.json: content changed"),
    "cheaper costs": (lambda f: edit(f / "costs.json", price=1), "costs.json: content changed"),
    "a lost file": (lambda f: (f / "value.txt").unlink(), "value.txt: missing"),
    "an edited spec": (lambda f: edit(f / "spec.json", value=99), "does not hash to its name"),
    "an edited spec and its key": (
        lambda f: edit(f / "spec.json", value=99, key=fingerprint.of_json({"value": 99})[:32]),
        "does not hash to its name",
    ),
    "a spec without key": (lambda f: (f / "spec.json").write_text("{}"), "does not hash to its name"),
    "a lost spec": (lambda f: (f / "spec.json").unlink(), "spec.json"),
    "a marker that is no JSON": (lambda f: (f / MARKER).write_text("{"), MARKER),
    "a marker without files": (lambda f: edit(f / MARKER, files=None), "no marker of a finished cell"),
    "a marker of nothing": (lambda f: (f / MARKER).write_text("{}"), "no marker of a finished cell"),
    "another key in the marker": (lambda f: edit(f / MARKER, key="0" * 32), "does not hash to its name"),
    "another digest in the marker": (lambda f: edit(f / MARKER, digest="0" * 64), "no marker of a finished cell"),
    "a file elsewhere": (lambda f: _escape(f), "missing, though the marker lists it"),
}


def _escape(folder: Path) -> None:
    """A marker that has a reader copy a file from outside of the cell."""
    (folder.parent / "outside.txt").write_text("x")
    marker = json.loads((folder / MARKER).read_text())
    marker["files"]["../outside.txt"] = fingerprint.of_file(folder.parent / "outside.txt")
    content = {n: d for n, d in marker["files"].items() if n not in VOLATILE | {"spec.json"}}
    edit(folder / MARKER, files=marker["files"], digest=fingerprint.of_json(content))


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_and_named(damage: str) -> None:
    folder = order()
    store.verify(folder)
    DAMAGE[damage][0](folder)
    with pytest.raises(CellError, match=DAMAGE[damage][1]) as caught:
        store.verify(folder)
    assert folder.name in str(caught.value)


def test_a_misnamed_folder_is_found() -> None:
    folder = order()
    other = folder.rename(folder.with_name("0" * 32))
    with pytest.raises(
        CellError, match="0{32}: its specification does not hash to its name; it was edited or misnamed"
    ):
        store.verify(other)


def test_audit_counts_and_names_what_is_damaged(capsys: pytest.CaptureFixture[str]) -> None:
    from pipeline.build.audit import audit

    good, bad = order(1), order(2)
    assert audit() == 0
    flip(bad / "value.txt")
    assert audit() == 1
    said = capsys.readouterr().out
    assert '{"cells": 2, "damaged": 1}' in said and f"{bad}/value.txt" in said and good.name not in said


# brought in


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A `.cells` of another machine with two cells, and none here."""
    order(1), order(2)
    shutil.move(paths.CELLS, tmp_path / "elsewhere" / ".cells")
    return tmp_path / "elsewhere"


@pytest.mark.parametrize("part", ["", ".cells"])
def test_cells_are_copied_once(elsewhere: Path, part: str) -> None:
    assert store.import_from(elsewhere / part) == (2, 0)
    assert store.import_from(elsewhere / part) == (0, 2)
    for folder in store.finished():
        store.verify(folder)
    assert order(1) and runs() == 2  # both were made elsewhere


def test_a_single_cell_is_copied(elsewhere: Path) -> None:
    assert store.import_from(next((elsewhere / ".cells").glob("*/cell.json")).parent) == (1, 0)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_cell_is_refused(elsewhere: Path, damage: str) -> None:
    folder = sorted((elsewhere / ".cells").glob("*/cell.json"))[0].parent
    DAMAGE[damage][0](folder)
    with pytest.raises(CellError, match=DAMAGE[damage][1]):
        store.import_from(elsewhere)
    assert not (paths.CELLS / folder.name).exists()


def test_an_unfinished_cell_is_left_where_it_is_and_one_here_is_replaced(elsewhere: Path) -> None:
    one, other = sorted(p.parent for p in (elsewhere / ".cells").glob("*/cell.json"))
    (one / MARKER).unlink()
    (paths.CELLS / other.name).mkdir(parents=True)
    (paths.CELLS / other.name / "checkpoint.ckpt").write_text("of an attempt here")
    (paths.CELLS / "incoming" / other.name).mkdir(parents=True)  # of an import that was killed
    assert store.import_from(elsewhere) == (1, 0)
    assert [f.name for f in store.finished()] == [other.name]
    assert not (paths.CELLS / other.name / "checkpoint.ckpt").exists()


def test_a_folder_without_cells_is_named(tmp_path: Path) -> None:
    with pytest.raises(CellError, match="no finished cells there"):
        store.import_from(tmp_path / "nothing")
