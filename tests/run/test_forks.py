"""The runner and its warm interpreter, with cells that import nothing: order, isolation, and nobody left behind."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import scratch
from pipeline.cells import fingerprint
from pipeline.cells.cell import Cell
from pipeline.introspection import Strict
from pipeline.run import devices, fill
from pipeline.run.executors import forks
from pipeline.run.executors.contract import CellOutcome
from tests import helpers

# A cell of this project does what its specification says.
ACT = """
    import json, os, signal, sys, time

    from pipeline.introspection import Strict

    GLOBAL = []

    class Spec(Strict):
        name: str = ""
        act: str = ""
        seconds: float = 0.0
        estimate: float | None = None

    def run(spec, folder, inputs):
        started, seen = time.time(), (list(GLOBAL), os.environ.get("LEFT"), os.getcwd(), hasattr(json, "soiled"))
        print("working", flush=True)
        act = spec.act
        if act == "soil":
            GLOBAL.append(1)
            os.environ["LEFT"] = "behind"
            os.chdir("/")
            json.soiled = True
        if act == "raise":
            raise ValueError("a first line\\nand a second one")
        if act == "fail":
            return {"status": "failed", "reason": "loss is nan at step 3"}
        if act == "leave":
            os._exit(0)
        if act == "exit":
            sys.exit(0)
        if act == "signal":
            os.kill(os.getpid(), signal.SIGKILL)
        if act == "moody":
            if os.path.exists("been_here"):
                os.kill(os.getpid(), signal.SIGKILL)
            open("been_here", "w").close()
            raise ValueError("at first")
        if act == "interrupt":
            raise KeyboardInterrupt
        time.sleep(spec.seconds)
        given = sorted(name for name, path in inputs.items() if (path / "cell.json").is_file())
        costs = {"from": started, "to": time.time(), "process": os.getpid()}
        return {"status": "ok", "seen": seen, "given": given, "costs": costs}
"""
SCRIPT = """
    import json, sys
    from pathlib import Path
    from pipeline.act import Spec
    from pipeline.cells.cell import Cell, record
    from pipeline.run.fill import Run, RunError, executor
    asked, jobs = json.loads(sys.argv[1]), int(sys.argv[2])
    cells = {}
    for name, spec in asked.items():
        spec = {"name": name, **spec}
        inputs = {i: cells[i] for i in spec.pop("needs", [])}
        entry = spec.pop("entry", "pipeline.act")
        kind = spec.pop("kind", "train")
        cells[name] = Cell(kind, entry, Spec(**spec), Path("shown") / name, name, inputs=inputs)
    said, why, made = [], None, []
    try:
        told = lambda line: (said.append(line), print(line, file=sys.stderr, flush=True))
        run = Run(executor(jobs), seconds=lambda c: c.spec.estimate, say=told)
        made = [c.label for c in run.fill(cells.values())]
    except RunError as error:
        why = str(error)
    done = {n: c.result | record(c.folder, "costs.json") for n, c in cells.items() if c.complete}
    print(json.dumps({"made": made, "said": said, "why": why, "done": done}))
"""


PLUMBING = {
    "": ["__init__", "errors", "introspection", "lifetime", "paths"],
    "cells": ["__init__", "archives", "cell", "environment", "fingerprint", "provenance", "store"],
    "run": ["__init__", "devices", "durations", "fill", "progress"],
    "run/executors": ["__init__", "contract", "forks", "in_process", "warm"],
}


class Project:
    """The plumbing alone, in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for room, names in PLUMBING.items():
            (root / "pipeline" / room).mkdir(parents=True)
            for name in names:
                shutil.copy(fingerprint.PACKAGE / room / f"{name}.py", root / "pipeline" / room)
        shutil.copy(fingerprint.PACKAGE.parent / "environment.json", root)
        self.module("act", ACT)
        (root / "script.py").write_text(textwrap.dedent(SCRIPT))

    def module(self, name: str, text: str) -> None:
        (self.root / "pipeline" / f"{name}.py").write_text(textwrap.dedent(text))

    def words(self, cells: dict[str, Any], jobs: int = 2) -> list[str]:
        return [sys.executable, "script.py", json.dumps(cells), str(jobs)]

    def run(self, cells: dict[str, Any], jobs: int = 2) -> dict[str, Any]:
        done = subprocess.run(
            self.words(cells, jobs),
            cwd=self.root,
            env=scratch.environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return {**json.loads(done.stdout.splitlines()[-1]), "error": done.stderr}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "plumbing")


# order


def test_inputs_come_first_the_longest_starts_first_and_no_more_than_jobs_run(project: Project) -> None:
    cells = {"data": {}} | {f"c{i}": {"needs": ["data"], "seconds": 0.1, "estimate": i} for i in range(4)}
    answer = project.run(cells)
    assert answer["made"][0] == "data" and set(answer["made"]) == set(cells)
    spans = sorted((d["from"], d["to"], name) for name, d in answer["done"].items() if name != "data")
    assert {name for _, _, name in spans[:2]} == {"c3", "c2"}
    for start, _, _ in spans:
        assert sum(a <= start < b for a, b, _ in spans) <= 2
    assert spans[0][0] >= answer["done"]["data"]["to"]
    assert all(answer["done"][f"c{i}"]["given"] == ["data"] for i in range(4))


def test_what_is_there_is_not_made_again(project: Project) -> None:
    assert project.run({"a": {}, "b": {}})["made"]
    again = project.run({"a": {}, "b": {}})
    assert again["made"] == [] and again["said"] == []


def test_the_same_work_under_two_names_is_done_once(project: Project) -> None:
    answer = project.run({"a": {"name": "x"}, "b": {"name": "x"}})
    assert len(answer["made"]) == 1 and set(answer["done"]) == {"a", "b"}


@pytest.mark.parametrize("jobs", [0, 2])
def test_every_executor_makes_the_same(project: Project, jobs: int) -> None:
    """In this process, and in forks of a warm one."""
    cells = {"data": {}, "a": {"needs": ["data"]}, "wild": {"act": "fail"}}
    answer = project.run(cells, jobs=jobs)
    assert set(answer["made"]) == set(cells) and answer["why"] is None
    assert answer["done"]["a"]["given"] == ["data"] and answer["done"]["wild"]["status"] == "failed"
    assert project.run(cells, jobs=jobs)["made"] == []


def test_in_this_process_an_error_is_a_traceback_of_the_command(project: Project) -> None:
    words = project.words({"bad": {"act": "raise"}}, jobs=0)
    done = subprocess.run(words, cwd=project.root, env=scratch.environment(), capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" in done.stderr and "act.py" in done.stderr


def test_quick_cells_are_done_where_what_they_read_was_made(project: Project) -> None:
    cells = {"p": {"kind": "predict"}} | {f"e{i}": {"needs": ["p"], "kind": "evaluate"} for i in range(3)}
    answer = project.run(cells)
    assert set(answer["made"]) == set(cells)
    assert len({done["process"] for done in answer["done"].values()}) == 1
    more = project.run(cells | {"e9": {"needs": ["p"], "kind": "evaluate"}})
    assert more["made"] == ["e9"], "a new one alone is made, from what is there"


def test_a_quick_cell_that_fails_leaves_the_others_of_its_process_alone(project: Project) -> None:
    quick = {"needs": ["p"], "kind": "evaluate"}
    answer = project.run({"p": {"kind": "predict"}, "bad": {**quick, "act": "raise"}, "good": quick})
    assert set(answer["done"]) == {"p", "good"} and "bad: evaluate ended with exit code 1" in answer["why"]
    answer = project.run({"p2": {"act": "signal", "kind": "predict"}, "e": {"needs": ["p2"], "kind": "evaluate"}})
    assert "not started, since what they need is missing: e" in answer["why"] and not answer["done"]


# faults of a cell


@pytest.mark.parametrize(
    ("act", "said"),
    [
        ("raise", "train ended with exit code 1; ValueError: a first line\nand a second one (log: "),
        ("leave", "train ended with exit code 0; working (log: "),
        ("exit", "ended with exit code 1"),
        ("signal", "train ended with signal 9; working"),
        ("interrupt", "ended with exit code 1"),
    ],
)
def test_a_cell_that_ends_without_a_result_is_named_and_the_others_go_on(project: Project, act: str, said: str) -> None:
    answer = project.run({"bad": {"act": act}, "child": {"needs": ["bad"]}, "good": {}}, jobs=1)
    assert set(answer["done"]) == {"good"}
    assert f"bad: {said}" in answer["why"] if act in ("raise", "leave", "signal") else said in answer["why"]
    assert "not started, since what they need is missing: child" in answer["why"]


def test_the_last_words_are_those_of_the_last_attempt(project: Project) -> None:
    assert "ValueError: at first" in project.run({"a": {"act": "moody"}})["why"]
    second = project.run({"a": {"act": "moody"}})["why"]
    assert "signal 9; working" in second and "ValueError" not in second


def test_a_result_of_status_failed_is_a_result(project: Project) -> None:
    answer = project.run({"wild": {"act": "fail"}, "child": {"needs": ["wild"]}})
    assert answer["why"] is None and set(answer["done"]) == {"wild", "child"}
    assert any("FAILED: loss is nan at step 3" in line for line in answer["said"])


# isolation


def test_no_cell_leaves_a_trace_in_the_next(project: Project) -> None:
    """Global variables, environment, folder, modules: as if every cell had an interpreter of its own."""
    names = ["first", "soil1", "soil2", "last"]
    answer = project.run({n: {"act": "soil"} if n.startswith("soil") else {} for n in names}, jobs=1)
    assert answer["made"] == names
    assert all(done["seen"] == [[], None, str(project.root), False] for done in answer["done"].values())


def test_an_import_that_prints_does_not_speak_for_the_server(project: Project) -> None:
    project.module("loud", "print('{\"ready\": false}')\nfrom pipeline.act import Spec, run\n")
    answer = project.run({"a": {"entry": "pipeline.loud"}})
    assert answer["made"] == ["a"] and '{"ready": false}' in answer["error"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "import threading, time\nthreading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
            "started a thread",
        ),
        ("import no_such_module_here", "no_such_module_here"),
        ("import os\nos._exit(3)", "exit code 3"),
    ],
)
def test_a_warm_interpreter_that_can_not_start_says_why(project: Project, source: str, said: str) -> None:
    project.module("broken", source)
    answer = project.run({"a": {"entry": "pipeline.broken"}})
    assert "the warm interpreter could not start" in answer["why"] and not answer["done"]
    assert said in answer["error"] + answer["why"]


def test_code_that_changed_since_the_key_was_made_is_not_run(project: Project) -> None:
    project.module("slowly", "import time\nfrom pipeline.act import Spec, run\ntime.sleep(0.7)\n")
    with started(project, {"a": {"entry": "pipeline.slowly"}}) as process:
        assert helpers.wait_for(lambda: family(process.pid)["warm"], 20)
        project.module("act", ACT.replace('"status": "ok"', '"status": "fine"'))
        assert process.wait(20) == 0
    said = (project.root / "said.txt").read_text()
    assert "edited while this ran: pipeline/act.py; run the same command again" in said
    assert not list(project.root.glob(".cells/*/cell.json"))


def test_what_a_record_names_is_told_on_the_console() -> None:
    found = {"health": ["dead units: 60 % of layer 0", "dead units: 70 % of layer 2", "exploding gradients: inf"]}
    for result, told in (
        ({"status": "ok", "validation": {"accuracy": 0.5, "loss": 1.0}}, "2.0 s  validation accuracy 0.5000"),
        ({"status": "failed", "reason": "loss is nan"}, "2.0 s  FAILED: loss is nan"),
    ):
        for more, tail in (({}, ""), (found, "  DEAD UNITS  EXPLODING GRADIENTS")):
            cell = SimpleNamespace(result=result | more)
            assert fill.told(CellOutcome(cell, None, 2.0)) == told + tail  # type: ignore[arg-type]


# faults of processes

LONG = {f"c{i}": {"seconds": 30.0} for i in range(2)}


def started(project: Project, cells: dict[str, Any]) -> Any:
    (project.root / "said.txt").touch()
    return helpers.started(project.root, *project.words(cells))


def logs(project: Project) -> list[Path]:
    """Of the cells that are at work."""
    return [p for p in project.root.glob(".cells/*/log.txt") if "working" in p.read_text()]


def family(pid: int) -> dict[str, list[int]]:
    """Process ids below the runner: its warm interpreter, and that one's children."""
    warm = _children(pid)
    return {"runner": [pid], "warm": warm, "child": [c for w in warm for c in _children(w)]}


def _children(pid: int) -> list[int]:
    return [int(p) for t in Path(f"/proc/{pid}/task").glob("*/children") for p in t.read_text().split()]


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
            assert (
                "the warm interpreter ended (signal 9); run the same command again"
                in (project.root / "said.txt").read_text()
            )
    assert not list(project.root.glob(".cells/*/cell.json"))


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


# devices


@pytest.mark.parametrize(("visible", "found"), [("", []), ("0", ["0"]), ("2,5", ["2", "5"])])
def test_gpus_are_those_that_are_visible(monkeypatch: pytest.MonkeyPatch, visible: str, found: list[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert devices.gpus() == found


def test_a_cell_gets_the_gpu_with_the_fewest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    run, cell = forks.WarmForks(4), Cell("train", "pipeline.act", Strict(), Path(), "x")
    chosen = []
    for i in range(4):
        chosen.append(run._free_gpus(1))
        run.running[str(i)] = forks._Submission([cell], 0.0, chosen[-1])
    assert chosen == [["4"], ["6"], ["4"], ["6"]]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert run._free_gpus(1) == []


def test_a_cell_of_several_devices_gets_as_many_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3,4")
    run, cell = forks.WarmForks(4), Cell("train", "pipeline.act", Strict(), Path(), "x")
    for name, count, expected in (("a", 1, ["0"]), ("b", 2, ["1", "2"]), ("c", 2, ["3", "4"])):
        run.running[name] = forks._Submission([cell], 0.0, run._free_gpus(count))
        assert run.running[name].devices == expected
    del run.running["b"]
    assert run._free_gpus(2) == ["1", "2"] and len(run._free_gpus(9)) == 5


def test_jobs_are_what_the_cores_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    assert [devices.default_jobs(threads) for threads in (1, 2, 4, 8)] == [6, 3, 1, 1]
    assert [devices.default_jobs(1, count) for count in (2, 4, 8)] == [3, 1, 1]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert [devices.default_jobs(1, count) for count in (1, 2, 3)] == [2, 1, 1]
