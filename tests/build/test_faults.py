"""Faults of a whole project: what the command says, what it leaves, and that the same command goes on."""

import json
import shutil
from pathlib import Path

from bench import scratch
from tests import helpers
from tests.build.projects import DVC, rows, said, setting
from tests.conftest import small

# a result that is no number


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
    record.write_text(record.read_text()[:-200] + "}")
    done = scratch.cli(project, "repro", check=False)
    assert done.returncode and "delete dvc.lock, which a killed DVC left half written" in done.stderr
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


# damaged on the disk


def test_damaged_weights_are_not_used_and_the_message_says_how_to_go_on(project: Path) -> None:
    """Its output is the same file, as a build leaves it: deleting the cell as told is enough to have it made again."""
    expected, made = helpers.results(project), helpers.cells(project)
    for name in helpers.cells(project, "predict") | helpers.cells(project, "evaluate"):
        shutil.rmtree(project / ".cells" / name)
    shutil.rmtree(project / "evaluations")
    shown = project / "artifacts" / "laptop" / "train" / "digits_mlp" / "seed0"
    folder = project / ".cells" / json.loads((shown / "cell.json").read_text())["key"]
    for path in shown.iterdir():  # which a copy of a project has twice
        (folder / path.name).unlink()
        (folder / path.name).hardlink_to(path)
    helpers.flip(folder / "weights.safetensors")
    done = scratch.cli(project, "repro", check=False)
    assert done.returncode == 1 and done.stderr.endswith("not finished: digits_mlp\n")
    said = f"CellError: {folder}/weights.safetensors: content changed after completion; delete the folder"
    assert said in done.stderr
    shutil.rmtree(folder)
    scratch.cli(project, "repro")
    assert helpers.results(project) == expected and helpers.cells(project) == made


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
