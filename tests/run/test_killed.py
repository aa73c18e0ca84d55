"""The runner, its warm interpreter and its cells are killed: nobody works on, and the same command finishes."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from pipeline.cells import fingerprint
from tests import helpers
from tests.run.plumbing import Project, family, logs, started

LONG = {f"c{i}": {"seconds": 30.0} for i in range(2)}


@pytest.mark.parametrize("victim", ["runner", "warm", "child"])
def test_killed_with_9_nobody_works_on(project: Project, victim: str) -> None:
    with started(project, LONG) as process:
        assert helpers.wait_for(lambda: len(logs(project)) == 2, 20)
        pids = family(process.pid)[victim]
        os.kill(pids[0], signal.SIGKILL)
        if victim == "child":  # the other one goes on
            assert helpers.wait_for(lambda: "signal 9" in (project.root / "said.txt").read_text(), 5)
            assert len(family(process.pid)["child"]) == 1
            process.kill()
        else:
            assert process.wait(10) == (-9 if victim == "runner" else 0)
        assert not helpers.survivors(project.root)
        if victim == "warm":
            said = (project.root / "said.txt").read_text()
            assert "the warm interpreter ended: signal 9 (SIGKILL, often by the system for lack of memory" in said
            assert "run the same command again" in said
    assert not list(project.root.glob(".cells/*/cell.json"))


@pytest.mark.slow
def test_killed_with_9_at_any_moment_nobody_works_on_and_the_same_command_finishes(project: Project) -> None:
    cells = {f"c{i}": {"seconds": 0.05, "needs": [f"c{i - 1}"] if i > 1 else []} for i in range(6)}
    expected = set(project.run(cells)["done"])
    shutil.rmtree(project.root / ".cells")
    moments = random.Random(0)
    for _ in range(12):
        with started(project, cells) as process:
            time.sleep(moments.uniform(0.0, 0.5))
            process.kill()
            assert not helpers.survivors(project.root)
    answer = project.run(cells)
    assert set(answer["done"]) == expected and answer["why"] is None


def test_a_runner_that_dies_while_its_interpreter_starts_leaves_none(project: Project) -> None:
    """The interpreter asks for its life line only after Python itself has started; by then its parent may be gone."""
    project.module("slow", "import time\ntime.sleep(30)\n")
    with started(project, {"a": {"entry": "pipeline.slow"}}) as process:
        assert helpers.wait_for(lambda: family(process.pid)["warm"], 20)
        process.kill()
        assert not helpers.survivors(project.root)


def ended(code: str, argument: Callable[[int], str]) -> int:
    """How a process ended that ran `code` once its parent was dead."""
    parent = subprocess.Popen(["sleep", "30"])
    words = [sys.executable, "-c", code, argument(parent.pid)]
    orphan = subprocess.Popen(words, stdin=subprocess.PIPE, cwd=fingerprint.PACKAGE.parent)
    parent.kill()
    parent.wait()
    orphan.communicate(b"go\n", timeout=20)
    return orphan.returncode


def test_a_parent_that_died_before_it_was_watched_is_noticed() -> None:
    code = (
        "import sys; from pipeline import lifetime; sys.stdin.readline(); "
        "lifetime.die_with_parent(parent=int(sys.argv[1])); import time; time.sleep(5)"
    )
    assert ended(code, str) == -signal.SIGKILL
