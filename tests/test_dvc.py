"""`dvc` as `make repro` calls it: the same lock file, written less often."""

from pathlib import Path

import pytest
from dvc import dvcfile
from dvc.utils.serialize import load_yaml

from pipeline import dvc

ENTRIES = [{"a": {"cmd": "x", "params": {"lr": 1.0e-05, "on": "32-true"}}}, {"b": {"cmd": "y", "md5": "1234e5"}}]


def test_entries_are_kept_and_written_at_the_end_as_dvc_itself_writes_them(tmp_path: Path) -> None:
    mine, theirs = (tmp_path / name / dvcfile.LOCK_FILE for name in ("mine", "theirs"))
    for path in (mine, theirs):
        path.parent.mkdir()
        path.write_text("schema: '2.0'\nstages:\n  old:\n    cmd: z\n")
    lock, before = dvc.Lock(), mine.read_text()
    for entry in ENTRIES:
        for path, modify in ((mine, lock.modify), (theirs, dvc._original)):
            with modify(str(path)) as content:
                content["stages"].update(entry)
    assert mine.read_text() == before, "a write a stage is what this is to avoid"
    lock.write()
    assert load_yaml(mine) == load_yaml(theirs) and len(load_yaml(mine)["stages"]) == 3
    assert not list(mine.parent.glob("*.part"))


def test_it_is_written_when_some_time_has_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dvc, "SECONDS", 0.0)
    path = tmp_path / dvcfile.LOCK_FILE
    with dvc.Lock().modify(str(path)) as content:
        content["schema"] = "2.0"
    assert load_yaml(path) == {"schema": "2.0"}


def test_another_file_is_left_to_dvc(tmp_path: Path) -> None:
    path = tmp_path / "dvc.yaml"
    path.write_text("a: 1  # why\n")
    with dvc.Lock().modify(str(path)) as content:
        content["a"] = 2
    assert path.read_text() == "a: 2  # why\n"


def test_it_is_written_also_when_dvc_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / dvcfile.LOCK_FILE
    monkeypatch.setattr(dvcfile, "modify_yaml", dvcfile.modify_yaml)  # put back afterwards

    def failing(words: list[str]) -> int:
        with dvcfile.modify_yaml(str(path)) as content:
            content["stages"] = {"made": {"cmd": "x"}}
        raise KeyboardInterrupt

    monkeypatch.setattr(dvc, "main", failing)
    with pytest.raises(KeyboardInterrupt):
        dvc.run(["repro"])
    assert load_yaml(path)["stages"] == {"made": {"cmd": "x"}}
