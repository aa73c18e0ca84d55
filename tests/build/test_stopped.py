"""A build that is stopped or killed: what it leaves, that nobody works on, and that the same command goes on."""

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from bench import scratch
from pipeline.cells.cell import record
from tests import helpers
from tests.build.projects import DVC, said
from tests.conftest import copied


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
    assert said(battered).endswith("stopped by SIGTERM; the same command goes on where this one stopped\n")
    assert "Traceback" not in said(battered)
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
