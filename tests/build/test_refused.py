"""Bad input of a whole project: what the command says before anything runs, and what it leaves alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import scratch
from tests import helpers
from tests.build.projects import DVC, Edit, rows, setting
from tests.conftest import small


def line_of(project: Path, key: str) -> int:
    lines = (project / "params.yaml").read_text().splitlines()
    return next(i for i, line in enumerate(lines, 1) if line.strip().startswith(f"{key}:"))


@pytest.mark.parametrize(
    ("edit", "key", "advice"),
    [
        (setting("0.1x", "recipes", "adamw_one_cycle", "lr"), "lr", "recipes.adamw_one_cycle.lr: "),
        (setting("models/mpl", "experiments", "iris_mlp", "model"), "model", "did you mean 'models/mlp'?"),
        (setting({}, "experiments", "iris.mlp"), "iris.mlp", "experiments.iris.mlp"),
        (setting("labtop", "profile"), "profile", "did you mean 'laptop'?"),
    ],
)
def test_wrong_parameters_are_refused_before_any_stage(
    fresh: Callable[..., Path], edit: Edit, key: str, advice: str
) -> None:
    project = fresh(scratch.only(["iris_mlp"]))
    scratch.change(project, edit)
    for command in ("repro", "why", "fill"):
        done = scratch.cli(project, command, check=False)
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert advice in done.stderr
        assert f"params.yaml:{line_of(project, key)}: " in done.stderr or key == "model"
    assert not (project / ".cells").exists() and not (project / "dvc.lock").exists()


def test_plain_dvc_is_refused_too(project: Path) -> None:
    scratch.change(project, setting("0.1x", "recipes", "adamw_one_cycle", "lr"))
    before = helpers.cells(project)
    done = scratch.run(project, *DVC, check=False)
    assert done.returncode and "recipes.adamw_one_cycle.lr" in done.stdout + done.stderr
    assert helpers.cells(project) == before


@pytest.mark.parametrize("words", [["--experiment", "iris_mpl"], ["--data", "irsi"]])
def test_an_unknown_selection_is_refused_with_a_suggestion(project: Path, words: list[str]) -> None:
    done = scratch.cli(project, "repro", *words, check=False)
    assert done.returncode == 1 and "did you mean 'iris" in done.stderr


def test_a_source_that_is_not_there_is_named(fresh: Callable[..., Path]) -> None:
    project = fresh(scratch.only(["iris_mlp"]))
    scratch.change(project, setting("my/flowers.csv", "data", "iris", "source"))
    done = scratch.cli(project, "repro", check=False)
    assert done.returncode == 1 and "my/flowers.csv: no such file or folder" in done.stderr
    assert "Traceback" not in done.stderr and not helpers.cells(project)


def test_data_that_prepare_refuses_stops_its_rows_only(project: Path) -> None:
    """Nothing of it at its final place, the reason with counts, a non-zero exit code, and the rest of the table."""

    def edit(sections: dict[str, Any]) -> None:
        small(rows=("iris_svm",))(sections)
        sections["data"]["mine"] = {**sections["data"]["iris"], "source": "mine.csv", "options": {}}
        sections["experiments"]["mine_svm"] = {**sections["experiments"]["iris_svm"], "data": "mine"}

    scratch.change(project, edit)
    (project / "mine.csv").write_text("1,2,0\n3,x,1\n")
    done = scratch.cli(project, "fill", "--data", "mine", check=False)
    assert done.returncode == 1 and "mine.csv:2: no number in column 1 ('x', line 2)" in done.stderr
    (project / "mine.csv").write_text("".join(f"{i},{i}.5,{i % 2}\n" for i in range(40)) + "1,2,3\n")
    done = scratch.cli(project, "repro", check=False)
    assert done.returncode == 1
    assert "no item of class 3 for each of train, test, validation: it has 1" in done.stderr
    assert done.stderr.count("DataError") == 1 and done.stderr.endswith("not finished: mine_svm\n")
    assert not (project / "data" / "prepared" / "mine").exists()
    table = done.stdout[done.stdout.index("iris: ") :]
    assert "not run here" in next(line for line in table.splitlines() if line.startswith("mine_svm "))
    assert {row["status"] for row in rows(project, "iris_svm")} == {"ok"}
