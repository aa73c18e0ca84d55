"""The runner and its warm interpreter, with cells that import nothing: order, faults of a cell, isolation."""

import subprocess
from types import SimpleNamespace

import pytest

from bench import scratch
from pipeline.run import fill
from pipeline.run.executors.contract import CellOutcome
from tests import helpers
from tests.run.plumbing import ACT, Project, family, started

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
        (
            "signal",
            "train ended with signal 9 (SIGKILL, often by the system for lack of memory: run again with fewer JOBS); "
            "working (log: ",
        ),
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
    assert "fewer JOBS); working" in second and "ValueError" not in second


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


READER = """
    from pipeline.cells import fingerprint
    from pipeline.introspection import Strict

    class Spec(Strict):
        name: str = ""
        estimate: float | None = None

    def run(spec, folder, inputs):
        (folder / "made.txt").write_text(spec.name)
        return {"status": "ok", "known": sorted(path.name for path, *_ in fingerprint._read)}
"""


def test_what_was_read_for_one_cell_is_known_to_the_others(project: Project) -> None:
    """The warm interpreter reads what its children are going to; a damaged file stops all that need it, by name."""
    project.module("reader", READER)
    cells = {"data": {"entry": "pipeline.reader"}}
    cells |= {f"c{i}": {"entry": "pipeline.reader", "needs": ["data"]} for i in range(3)}  # type: ignore[dict-item]
    done = project.run(cells)["done"]
    assert all("made.txt" in done[f"c{i}"]["known"] for i in range(3)) and not done["data"]["known"]
    made = next(path for path in project.root.glob(".cells/*/made.txt") if path.read_text() == "data")
    made.chmod(0o644)
    made.write_text("date")
    answer = project.run(cells | {"more": {"entry": "pipeline.reader", "needs": ["data"]}})
    said = f"CellError: {made}: content changed after completion; delete the folder to make it again (log: "
    assert f"more: train ended with exit code 1; pipeline.cells.cell.{said}" in answer["why"]
    assert "more" not in answer["done"] and answer["made"] == []


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
        ("import os\nos._exit(3)", "exit code 3; what it said, if anything, is above"),
        ("import os\nos.kill(os.getpid(), 9)", "signal 9 (SIGKILL, often by the system for lack of memory: run again"),
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
