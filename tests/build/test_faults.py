"""Bad input and faults of a whole project: what the command says, what it leaves, and that the same command goes on."""

import csv
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import scratch
from pipeline.cells.cell import record
from tests import helpers
from tests.conftest import copied, small

DVC = (sys.executable, "-m", "dvc", "repro")
Edit = Callable[[dict[str, Any]], None]


def setting(value: Any, *where: str) -> Edit:
    """An edit that puts `value` at a place of params.yaml."""

    def edit(sections: dict[str, Any]) -> None:
        spot = sections
        for part in where[:-1]:
            spot = spot[part]
        spot[where[-1]] = value

    return edit


def said(project: Path) -> str:
    return (project / "said.txt").read_text()


def line_of(project: Path, key: str) -> int:
    lines = (project / "params.yaml").read_text().splitlines()
    return next(i for i, line in enumerate(lines, 1) if line.strip().startswith(f"{key}:"))


# refused before anything runs


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
    assert done.returncode == 1 and "mine.csv:2: 'x' (feature 1) is no number" in done.stderr
    (project / "mine.csv").write_text("".join(f"{i},{i}.5,{i % 2}\n" for i in range(40)) + "1,2,3\n")
    done = scratch.cli(project, "repro", check=False)
    assert done.returncode == 1
    assert "DataError: mine, train: no item of class 2 (found: 0 1" in done.stderr
    assert "not started, since what they need is missing: mine_svm seed 0" in done.stderr
    assert not (project / "data" / "prepared" / "mine").exists()
    table = done.stdout[done.stdout.index("iris: ") :]
    assert "not run here" in next(line for line in table.splitlines() if line.startswith("mine_svm "))
    assert {row["status"] for row in rows(project, "iris_svm")} == {"ok"}


# a result that is no number


def rows(project: Path, experiment: str) -> list[dict[str, str]]:
    with (project / "reports" / "laptop" / "results.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["experiment"] == experiment]


def test_a_loss_that_is_no_number_is_a_failed_row_and_the_others_go_on(finished: Path) -> None:
    for row in rows(finished, "iris_wild"):
        assert row["status"].startswith("failed: loss is ") and " at step " in row["status"] and not row["value"]
    assert {row["seed"] for row in rows(finished, "iris_wild")} == {"0", "1"}
    for name in ("digits_mlp", "iris_mlp", "iris_svm"):
        assert {row["status"] for row in rows(finished, name)} == {"ok"}
    table = (finished / "reports" / "laptop" / "comparison.txt").read_text()
    (line,) = [line for line in table.splitlines() if line.startswith("iris_wild  ")]
    assert "FAILED" in line and "0 of 2" in line
    assert "iris_wild FAILED: seed 0: loss is " in table
    assert "iris_wild" in said(finished) and "FAILED: loss is" in said(finished)


def test_a_network_that_can_not_take_its_input_is_a_failed_row(finished: Path) -> None:
    reasons = {row["status"] for row in rows(finished, "digits_lenet5")}
    assert reasons == {"failed: lenet5: images of 8 x 8; it takes 28 x 28 or 32 x 32"}


def test_what_failed_is_never_registered(finished: Path) -> None:
    lines = [json.loads(line) for line in (finished / "registry.jsonl").read_text().splitlines()]
    failed = [line for line in lines if line.get("experiment") in ("iris_wild", "digits_lenet5")]
    assert not failed and {line["kind"] for line in lines} == {"version", "alias"}
    versions = [line for line in lines if line["kind"] == "version"]
    assert {v["experiment"] for v in versions} == {"digits_mlp", "iris_mlp", "iris_svm"}
    assert not [line for line in lines if line["kind"] == "alias" and "lenet5" in line["name"]]


def test_a_failed_training_keeps_no_weights(finished: Path) -> None:
    for folder in (finished / "artifacts" / "laptop").glob("train/*/seed*"):
        failed = json.loads((folder / "result.json").read_text())["status"] == "failed"
        assert failed == (not (folder / "weights.safetensors").exists() and not (folder / "model.skops").exists())


# a row that is too dear


def test_a_row_too_dear_is_skipped_and_the_table_says_how_to_get_it(project: Path) -> None:
    """Also where an older result of the row is still there: it was made with another budget."""
    scratch.change(project, small(rows=("digits_mlp", "iris_svm")))
    scratch.change(project, setting(0.02, "profiles", "laptop", "cell_minutes"))
    scratch.change(project, lambda s: s["data"]["digits"]["budget"]["laptop"].update(epochs=100_000))
    done = scratch.cli(project, "repro", "--jobs", "2", timeout=120)
    assert "not run here: digits_mlp, about " in done.stdout
    assert "`make repro EXPERIMENT=digits_mlp` runs it all the same" in done.stdout
    table = (project / "reports" / "laptop" / "comparison.txt").read_text()
    (line,) = [line for line in table.splitlines() if line.startswith("digits_mlp  ")]
    assert "not run here" in line
    assert "digits_mlp was not run here: `make repro EXPERIMENT=digits_mlp`" in table
    assert {row["status"] for row in rows(project, "iris_svm")} == {"ok"} and not rows(project, "digits_mlp")
    named = scratch.cli(project, "why", "--experiment", "digits_mlp").stdout
    assert "train digits_mlp" in named and "not run here" not in named
    before = helpers.cells(project)
    scratch.run(project, *DVC, timeout=60)
    assert helpers.cells(project) == before and not rows(project, "digits_mlp"), "plain DVC skips it too"


def test_a_result_that_came_with_git_stays_where_its_cell_is_too_dear(project: Path) -> None:
    """Made elsewhere with these very parameters: it is the row, though its cell is not here."""
    scratch.change(project, small(rows=("digits_mlp", "iris_svm")))
    expected = rows(project, "digits_mlp") + rows(project, "iris_svm")
    for folder in {name for kind in ("train", "predict", "evaluate") for name in helpers.cells(project, kind)}:
        shutil.rmtree(project / ".cells" / folder)
    for folder in ("artifacts", "evaluations"):  # out of them the cells would be taken back
        shutil.rmtree(project / folder)
    scratch.change(project, setting(1e-7, "profiles", "laptop", "cell_minutes"))
    done = scratch.cli(project, "repro")
    assert "not run here: digits_mlp, about " in done.stdout
    assert rows(project, "digits_mlp") + rows(project, "iris_svm") == expected


# torn by a kill


def test_a_torn_lock_of_dvc_is_named_and_a_torn_record_is_made_again(project: Path) -> None:
    """DVC rewrites both in place, so a kill may leave any beginning of them."""
    lock = project / ".dvc" / "tmp" / "rwlock"
    lock.write_text("")
    done = scratch.cli(project, "repro", check=False)
    assert done.returncode and "delete .dvc/tmp/rwlock, which a killed DVC left half written" in done.stderr
    lock.unlink()
    record = project / "dvc.lock"
    record.unlink()
    before = helpers.cells(project)
    scratch.cli(project, "repro")
    assert helpers.cells(project) == before and record.is_file()


def test_a_lock_that_only_the_dead_hold_stands_in_nobodys_way(project: Path) -> None:
    other = helpers.subprocess.Popen(["true"])
    other.wait()
    held = {
        "write": {str(project / "artifacts" / "laptop" / "train"): {"pid": other.pid, "cmd": "dvc repro"}},
        "read": {},
    }
    (project / ".dvc" / "tmp" / "rwlock").write_text(json.dumps(held))
    scratch.change(project, small(rows=("iris_svm",)))
    scratch.cli(project, "repro")


# two at once


def test_of_two_at_once_the_second_names_the_first_and_waits(project: Path) -> None:
    second = project / "second.txt"
    with helpers.started(project, *helpers.REPRO) as first:
        assert helpers.wait_for(lambda: str(first.pid) in (project / ".cells" / "lock").read_text())
        with second.open("w") as out:
            other = helpers.subprocess.Popen(helpers.REPRO, cwd=project, env=scratch.environment(), stdout=out)
        assert helpers.wait_for(lambda: "waiting: " in second.read_text(), 10)
        assert f"another build is running (pid {first.pid} since " in second.read_text()
        assert first.poll() is None, "the first should still be at it"
        assert first.wait(60) == 0 and other.wait(60) == 0
    assert "report: " in said(project) and "report: " in second.read_text()


# stopped and gone on with


@pytest.fixture(scope="module")
def battered(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished project, but for all that came of training digits_mlp. Tests take it as the one before left it."""
    project = copied(finished, tmp_path_factory.mktemp("battered"))
    for path in project.glob(".cells/*/cell.json"):
        spec = record(path.parent, "spec.json")
        if spec["kind"] in ("train", "predict", "evaluate") and spec.get("data") == "digits":
            shutil.rmtree(path.parent)
    for folder in (
        "artifacts/laptop/train/digits_mlp",
        "evaluations/laptop/digits_mlp",
        "results/laptop/digits_mlp",
        "reports/laptop",
        ".dvc/cache",
    ):
        shutil.rmtree(project / folder)
    return project


def begun(project: Path) -> None:
    """Wait until training is in the midst of its epochs."""
    now = time.time()
    assert helpers.wait_for(lambda: helpers.training(project, now)), said(project)


def family(project: Path) -> dict[str, list[int]]:
    """Process ids by what they are: runner, warm, child (in training), dvc, stage."""
    found: dict[str, list[int]] = {"runner": [], "warm": [], "child": [], "dvc": [], "stage": []}
    for pid, words in sorted(helpers.processes(project).items()):
        try:
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        kind = next(
            (
                k
                for k, sign in {
                    "runner": "pipeline.cli",
                    "warm": "pipeline.run.executors.warm",
                    "stage": "-m stages.",
                    "dvc": "-m dvc",
                }.items()
                if sign in words
            ),
            None,
        )
        if kind == "warm" and "pipeline.run.executors.warm" in helpers.processes(project).get(parent, ""):
            kind = "child"
        if kind:
            found[kind].append(pid)
    return found


RUN = (*helpers.REPRO, "--jobs", "2")


def test_ctrl_c_fails_and_leaves_nothing_that_looks_finished(battered: Path) -> None:
    before = helpers.trained(battered)
    with helpers.started(battered, *RUN) as process:
        begun(battered)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(20) == 130
        assert not helpers.survivors(battered)
    assert "interrupted; the same command goes on where this one stopped" in said(battered)
    assert "Traceback" not in said(battered)
    assert helpers.unfinished(battered) and helpers.trained(battered) == before


def test_sigterm_fails_and_leaves_nothing_that_looks_finished(battered: Path) -> None:
    before = helpers.trained(battered)
    with helpers.started(battered, *RUN) as process:
        begun(battered)
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM
        assert not helpers.survivors(battered)
    assert helpers.unfinished(battered) and helpers.trained(battered) == before


def test_plain_dvc_killed_with_9_leaves_nobody_training(battered: Path) -> None:
    before = helpers.trained(battered)
    with helpers.started(battered, *DVC) as process:
        begun(battered)
        process.kill()
        assert not helpers.survivors(battered)
    assert helpers.unfinished(battered) and helpers.trained(battered) == before


def test_the_whole_group_killed_with_9_leaves_nothing_that_looks_finished(battered: Path) -> None:
    before = helpers.trained(battered)
    with helpers.started(battered, *RUN) as process:
        begun(battered)
        os.killpg(process.pid, signal.SIGKILL)
        assert not helpers.survivors(battered)
    assert helpers.unfinished(battered) and helpers.trained(battered) == before


def test_whatever_is_killed_with_9_at_whatever_moment_nobody_works_on(battered: Path) -> None:
    """Another moment with SEED=..."""
    moments = random.Random(os.environ.get("SEED", "0"))
    with helpers.started(battered, *RUN) as process:
        time.sleep(moments.uniform(0.0, 6.0))
        helpers.kill(moments.choice(sorted(helpers.processes(battered)) or [process.pid]))
        time.sleep(moments.uniform(0.0, 1.0))
        process.kill()
        assert not helpers.survivors(battered)


def test_a_training_that_gets_sigterm_is_no_success_and_the_others_go_on(battered: Path) -> None:
    before = helpers.trained(battered)
    with helpers.started(battered, *RUN) as process:
        begun(battered)
        helpers.kill(family(battered)["child"][0], signal.SIGTERM)
        assert process.wait(60) == 1
        assert not helpers.survivors(battered)
    assert "train ended with" in said(battered) and "digits_mlp seed" in said(battered)
    assert len(helpers.unfinished(battered)) == 1 and len(helpers.trained(battered) - before) == 1


@pytest.mark.parametrize("victim", ["runner", "dvc"])
def test_killed_with_9_during_the_stages_nobody_works_on(battered: Path, victim: str) -> None:
    unlocked(battered)
    with helpers.started(battered, *RUN) as process:
        assert helpers.wait_for(lambda: "Running stage 'report'" in said(battered)), said(battered)
        time.sleep(0.1)
        helpers.kill(family(battered)[victim][0])
        assert process.wait(90) != 0
        assert not helpers.survivors(battered, seconds=1.0)  # a report takes longer, and so would one left alone


def unlocked(project: Path) -> None:
    """Delete what DVC's message names: where nobody buries the dead, it takes a killed one for a living one."""
    (project / ".dvc" / "tmp" / "rwlock").unlink(missing_ok=True)


def test_after_all_that_the_same_command_finishes_with_the_same_results(battered: Path, finished: Path) -> None:
    unlocked(battered)
    scratch.cli(battered, "repro", "--jobs", "2")
    assert helpers.results(battered) == helpers.results(finished)
    assert helpers.weights(battered) == helpers.weights(finished)
    assert not helpers.unfinished(battered) and scratch.cli(battered, "audit").returncode == 0
