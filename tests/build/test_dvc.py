"""The build under real DVC: what it tracks is enough to go on from, and its own commands work."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bench import scratch
from tests import helpers
from tests.conftest import small, without_publish
from tests.sources import ROOT

STAGES = ["plan", "fetch", "prepare", "train", "compress", "evaluate", "report", "publish"]


def dvc(project: Path, *words: str) -> str:
    return scratch.run(project, sys.executable, "-m", "dvc", *words).stdout


def git(project: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(project), *words], check=True)


@pytest.fixture(scope="module")
def pushed(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished project, all of it committed and pushed to a remote."""
    project = tmp_path_factory.mktemp("pushed") / "project"
    shutil.copytree(finished, project, ignore=shutil.ignore_patterns("mlflow", "__pycache__"))
    without_publish(project)
    scratch.cli(project, "repro")
    dvc(project, "remote", "add", "-d", "store", str(project.parent / "remote"))
    for key, value in (("user.name", "a"), ("user.email", "a@b")):
        git(project, "config", key, value)
    git(project, "add", "-A")
    git(project, "commit", "-qm", "all")
    dvc(project, "push")
    return project


@pytest.fixture
def clone(pushed: Path, tmp_path: Path) -> Path:
    """Without cells, with all that DVC has."""
    git(tmp_path, "clone", "-q", str(pushed), str(tmp_path / "clone"))
    dvc(tmp_path / "clone", "pull", *STAGES[1:6])
    assert not (tmp_path / "clone" / ".cells").exists()
    return tmp_path / "clone"


def wider(sections: dict[str, Any]) -> None:
    sections["experiments"]["iris_wide"] = {**sections["experiments"]["iris_mlp"], "args": {"hidden": [32]}}


# the files


def test_a_stage_is_a_step_and_none_is_made_for_a_row() -> None:
    known = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    studies = YAML(typ="safe").load(ROOT / "studies" / "dvc.yaml")["stages"]
    assert list(known) == STAGES and list(studies) == ["study", "study_report"]
    for stage in (*known.values(), *studies.values()):
        assert "foreach" not in stage and (ROOT / f"{stage['cmd'].split()[2].replace('.', '/')}.py").is_file()


def test_its_record_is_small_and_its_graph_fits_on_a_screen(pushed: Path) -> None:
    assert sum(path.stat().st_size for path in pushed.rglob("dvc.lock")) < 20_000
    graph = dvc(pushed, "dag")
    assert all(f"| {stage} |" in graph for stage in STAGES) and len(graph.splitlines()) < 60


# going on from what DVC tracks


def test_after_a_pull_nothing_is_computed_and_an_added_row_is(clone: Path, pushed: Path) -> None:
    done = scratch.cli(clone, "repro")
    assert "[1/" not in done.stdout and helpers.cells(clone) == helpers.cells(pushed)
    assert helpers.results(clone) == helpers.results(pushed)
    before = helpers.cells(clone)
    scratch.change(clone, wider)
    dvc(clone, "repro")  # by DVC alone
    made = helpers.cells(clone) - before
    assert len(made) == 10 == len({name for name in made if "[32]" in _asked(clone, name) or _judges(clone, name)})
    assert b"iris_wide" in helpers.results(clone)
    assert helpers.stages(scratch.cli(clone, "repro").stdout) == ["plan"]


def _asked(project: Path, name: str) -> str:
    marker = json.loads((project / ".cells" / name / "cell.json").read_text())
    spec = marker.get("records", {}).get("spec.json")
    return str(spec or json.loads((project / ".cells" / name / "spec.json").read_text()))


def _judges(project: Path, name: str) -> bool:
    return name in helpers.cells(project, "predict") | helpers.cells(project, "evaluate")


def test_cells_that_come_later_reach_the_table_by_dvc_alone(finished: Path, fresh: Callable[..., Path]) -> None:
    """A row over the limit of this machine is skipped, until another machine's cells of it are here."""

    def edit(sections: dict[str, Any]) -> None:
        small()(sections)
        sections["experiments"]["iris_mlp"]["only"] = ["laptop"]  # of such a row nothing is known before it ran
        sections["profiles"]["laptop"]["cell_minutes"] = 0.9

    project = fresh(edit)
    assert "not run here: iris_mlp, about an unknown time" in scratch.cli(project, "repro").stdout
    assert b",iris_mlp," not in helpers.results(project)
    scratch.cli(project, "import-cells", str(finished))
    before = helpers.cells(project, "train")
    dvc(project, "repro")
    assert b",iris_mlp," in helpers.results(project) and helpers.cells(project, "train") == before


def test_one_copy_of_each_file_is_on_the_disk_and_nobody_edits_it_by_chance(clone: Path) -> None:
    scratch.cli(clone, "repro")
    shown = [marker.parent for root in ("artifacts", "evaluations") for marker in (clone / root).rglob("cell.json")]
    assert len(shown) > 20
    for folder in shown:
        cell = clone / ".cells" / json.loads((folder / "cell.json").read_text())["key"]
        for path in folder.iterdir():
            assert os.path.samefile(path, cell / path.name) and path.stat().st_mode & 0o777 == 0o444
            assert path.stat().st_nlink >= 3, "the cell, its output and DVC's object"


def test_a_damaged_file_is_found_and_made_again_in_all_its_places(clone: Path) -> None:
    """A flipped bit is in the cell, in its output and in DVC's object, which are one file; DVC trusts its object."""
    scratch.cli(clone, "repro")
    weights = clone / "artifacts/laptop/train/iris_mlp/seed0/weights.safetensors"
    good = weights.read_bytes()
    weights.chmod(0o644)
    with weights.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(bytes([good[-1] ^ 1]))
    weights.chmod(0o444)
    found = scratch.cli(clone, "audit", check=False)
    assert found.returncode == 1 and "content changed after completion; delete the folder" in found.stdout
    key = json.loads((weights.parent / "cell.json").read_text())["key"]
    shutil.rmtree(clone / ".cells" / key)
    scratch.cli(clone, "repro")
    assert weights.read_bytes() == good and scratch.cli(clone, "audit").returncode == 0
    objects = [path.read_bytes() for path in (clone / ".dvc" / "cache").rglob("*") if path.is_file()]
    assert good in objects and bytes([*good[:-1], good[-1] ^ 1]) not in objects
    shutil.rmtree(clone / "artifacts")
    dvc(clone, "checkout", "train", "compress")
    assert weights.read_bytes() == good
    dvc(clone, "push", "train")


# without Git


def test_without_git_all_is_made_without_dvc_and_that_is_said_first(fresh: Callable[..., Path]) -> None:
    project = fresh(scratch.only(["iris_svm"]))
    shutil.rmtree(project / ".git")
    for _ in ("the first time", "with nothing to do"):
        done = scratch.cli(project, "repro")
        assert done.stdout.startswith("no Git repository here, so DVC is left out (`git init` brings it back)")
        assert b",iris_svm," in helpers.results(project) and (project / "mlflow" / "receipt.json").is_file()
    assert not (project / "dvc.lock").exists()
    git(project, "init", "-q")
    before = helpers.cells(project)
    done = scratch.cli(project, "repro")
    assert helpers.stages(done.stdout) == STAGES and helpers.cells(project) == before and "no Git" not in done.stdout


def test_without_git_dvc_works_where_its_own_settings_do_without(fresh: Callable[..., Path]) -> None:
    project = fresh(scratch.only(["iris_svm"]))
    shutil.rmtree(project / ".git")
    dvc(project, "config", "core.no_scm", "true")
    assert helpers.stages(scratch.cli(project, "repro").stdout) == STAGES


# DVC's own commands


def test_an_experiment_of_dvc_changes_a_row_and_is_shown_beside_the_others(clone: Path) -> None:
    scratch.cli(clone, "repro")
    before = helpers.cells(clone, "train")
    git(clone, "config", "user.email", "a@b")
    git(clone, "config", "user.name", "a")
    git(clone, "commit", "-qam", "as it is", "--allow-empty")
    dvc(clone, "exp", "run", "-S", "++experiments.iris_mlp.set.lr=0.02", "-n", "faster")
    assert len(helpers.cells(clone, "train") - before) == 2
    changed = dvc(clone, "params", "diff")
    assert "experiments.iris_mlp.set.lr" in changed and "0.02" in changed
    assert "iris_mlp.accuracy" in dvc(clone, "metrics", "diff", "--all")
    assert "faster" in dvc(clone, "exp", "show", "--only-changed", "--no-pager")


def test_an_experiment_in_a_folder_of_dvc_s_own_finds_the_cells(clone: Path) -> None:
    scratch.cli(clone, "repro")
    git(clone, "config", "user.email", "a@b")
    git(clone, "config", "user.name", "a")
    git(clone, "commit", "-qam", "as it is", "--allow-empty")
    before = helpers.cells(clone, "train")
    dvc(clone, "exp", "run", "--temp", "-S", "++experiments.iris_mlp.set.lr=0.03")
    assert len(helpers.cells(clone, "train") - before) == 2, "made in the project's own store, the rest was there"
