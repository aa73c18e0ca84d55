"""`make doctor`: whole projects are well, also where they were moved to; each damage is a line that names it."""

import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from bench import scratch
from pipeline import doctor

DOCTOR = ("python", "-m", "pipeline.doctor")


def lines(done: CompletedProcess[str], well: bool) -> dict[str, str]:
    """What is well, or broken, and how it is."""
    parts = [line.split(None, 2) for line in done.stdout.splitlines()[:-1]]
    return {what: how for state, what, how in parts if (state == "ok") == well}


@pytest.fixture
def moved(finished: Path, tmp_path: Path) -> Path:
    """The finished project with its registry, in another folder than it was made in."""
    shutil.copytree(finished, tmp_path / "moved", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "moved"


def test_a_moved_project_is_well_and_one_of_its_models_answers(moved: Path) -> None:
    done = scratch.run(moved, *DOCTOR, check=False)
    assert not lines(done, well=False), done.stdout
    assert done.returncode == 0 and done.stdout.endswith("nothing is broken\n")
    found = lines(done, well=True)
    assert "@laptop_" in found["model"] and "answers its own example" in found["model"]
    assert "0 aliases" not in found["registry"] and " 0 damaged" in found["cells"]


def test_every_damage_is_named_with_what_to_do(moved: Path) -> None:
    ledger, database = moved / "registry.jsonl", moved / "mlflow" / "mlflow.db"
    first, _, rest = ledger.read_text().partition("\n")
    ledger.write_text(f"{first[:50]}\n{rest}")
    content = bytearray(database.read_bytes())
    content[20 * 4096 : 21 * 4096] = b"\xff" * 4096
    database.write_bytes(content)
    weights = next(moved.glob(".cells/*/weights.safetensors"))
    weights.unlink()
    record = moved / "dvc.lock"
    record.write_text(record.read_text()[:-200] + "}")
    done = scratch.run(moved, *DOCTOR, check=False)
    found = lines(done, well=False)
    assert set(found) == {"ledger", "registry", "cells", "cell", "DVC"}, done.stdout
    assert "registry.jsonl:1: no version and no alias" in found["ledger"] and "git " in found["ledger"]
    assert "mlflow/mlflow.db can't be used" in found["registry"] and "delete mlflow/" in found["registry"]
    assert " 1 damaged" in found["cells"] and f"{weights}: missing" in found["cell"]
    assert found["DVC"] == "delete dvc.lock, which a killed DVC left half written"
    assert done.returncode == 1 and done.stdout.endswith("5 broken\n")


def test_commands_of_another_folder_s_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / ".venv" / "bin" / "dvc"
    script.parent.mkdir(parents=True)
    monkeypatch.setattr("sys.prefix", str(tmp_path / ".venv"))
    script.write_text(f"#!{script.parent}/python\n")
    assert [well for well, _, _ in doctor.commands()] == [True]
    script.write_text("#!/old/folder/.venv/bin/python\n")
    ((well, _, how),) = doctor.commands()
    assert not well and "`rm -r .venv`, then `make install`" in how
