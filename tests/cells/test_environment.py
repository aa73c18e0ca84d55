"""The environment number: raised when a package that cells import changes, and by nothing else."""

import json
from pathlib import Path

from pipeline.cells import environment
from tests.sources import ROOT

LOCK = "".join(f"{name}==1.0 \\\n    --hash=sha256:00\n" for name in environment.PACKAGES)


def test_the_committed_number_stands_for_the_committed_lock() -> None:
    known = json.loads((ROOT / "environment.json").read_text())
    assert known["packages"] == environment.locked((ROOT / "requirements.txt").read_text())
    assert environment.number() == known["number"] and all(known["packages"].values())


def test_it_is_raised_where_a_package_of_cells_changes(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(LOCK + "mlflow==3.0 \\\n")
    assert environment.update(tmp_path).startswith("environment 1: ")
    lock.write_text(LOCK + "mlflow==4.0 \\\n")
    assert "no package that cells import has changed" in environment.update(tmp_path)
    lock.write_text(LOCK.replace("torch==1.0", "torch==1.1"))
    assert environment.update(tmp_path) == "environment 2: torch changed; every cell will be made anew"
    assert json.loads((tmp_path / "environment.json").read_text())["packages"]["torch"] == "1.1"


def test_a_package_that_came_with_the_lock_has_made_no_cell_yet(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    (tmp_path / "environment.json").write_text(
        json.dumps({"number": 3, "packages": {n: "1.0" for n in environment.PACKAGES if n != "torch"}})
    )
    lock.write_text(LOCK)
    assert "environment 3: no package that cells import has changed" in environment.update(tmp_path)
    assert json.loads((tmp_path / "environment.json").read_text())["packages"]["torch"] == "1.0"


def test_a_package_that_each_python_has_its_own_version_of_has_all_of_them() -> None:
    text = "numpy==2.4 ; python_full_version < '3.12' \\\nnumpy==2.5 ; python_full_version >= '3.12' \\\n"
    assert environment.locked(text)["numpy"] == "2.4, 2.5"
