import json
import os
import signal
import time
from pathlib import Path
from typing import Any, get_args

import pytest

from pipeline.search.samplers import sampler
from pipeline.search.space import Space
from tests.search.conftest import SPACE, Laboratory


def test_a_sweep_ends_with_the_default_beside_the_best(swept: Laboratory) -> None:
    said = swept.run("sweep").stdout
    assert "4 trials done before" in said and "[1/" not in said
    study = swept.study()
    assert study["states"] == ["COMPLETE"] * 4
    assert next(t for t in study["settled"] if t[0] == 0)[1] == {"set.lr": 0.002, "args.hidden": [128]}
    assert study["settled"][0][2] > study["default"]
    assert "default" in said and "next: make promote EXPERIMENT=digits_mlp" in said


def test_values_are_accuracies_on_validation_and_no_trial_looks_at_test(swept: Laboratory) -> None:
    study = swept.study()
    for number, _, value, _ in study["settled"]:
        folder = Path(study["cells"][str(number)])
        result = json.loads((folder / "result.json").read_text())
        assert value == result["validation"]["accuracy"] and "test" not in result
    kinds = {json.loads(p.read_text())["kind"] for p in (swept.root / ".cells").glob("*/spec.json")}
    assert kinds == {"fetch", "prepare", "train"}


def test_equal_values_train_once(swept: Laboratory) -> None:
    copy = swept.study()
    folders = set(copy["cells"].values())
    distinct = {json.dumps(values) for _, values, _, _ in copy["settled"]}
    assert len(folders) == len(distinct)


def test_a_trial_with_the_row_s_own_values_is_the_row(laboratory: Laboratory) -> None:
    laboratory.change({"trials": 1, "args": {"dropout": {"low": 0.0, "high": 0.5}}})
    assert "dropout 0.0" in laboratory.run("sweep").stdout
    kinds = [json.loads(path.read_text())["kind"] for path in (laboratory.root / ".cells").glob("*/spec.json")]
    assert kinds.count("train") == 1


def test_killed_in_mid_sweep_it_goes_on_to_the_target(laboratory: Laboratory) -> None:
    process = laboratory.start("sweep", "--trials", "8", "--jobs", "2")
    assert process.stdout
    for line in process.stdout:
        if line.startswith("[3/8,"):
            break
    time.sleep(0.1)  # the next trials train
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    left = laboratory.study()
    assert "RUNNING" in left["states"]
    said = laboratory.run("sweep", "--trials", "8", "--jobs", "2").stdout
    study = laboratory.study()
    assert "RUNNING" not in study["states"] and "WAITING" not in study["states"]
    assert study["asked"] == len(study["settled"]) == study["states"].count("COMPLETE") == 8
    before = {n: v for n, _, v, _ in left["settled"]}
    assert before.items() <= {n: v for n, _, v, _ in study["settled"]}.items()
    assert "[8/8]" in said and " left] " in said and f"[{len(before)}/8" not in said
    assert sum(t[1] == {"set.lr": 0.002, "set.batch_size": 32, "args.hidden": [128]} for t in study["settled"]) == 1


def test_interrupted_it_says_so_and_ends_with_130(laboratory: Laboratory) -> None:
    process = laboratory.start("sweep", "--trials", "50", "--jobs", "1")
    assert process.stdout
    for line in process.stdout:
        if line.startswith("[3/50,"):
            break
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130 and "goes on where" in errors and "Traceback" not in errors
    done = len(laboratory.study()["settled"])
    assert f"[{done + 1}/{done + 1}]" in laboratory.run("sweep", "--trials", str(done + 1)).stdout


def test_stopped_and_gone_on_with_it_tries_what_it_would_have_tried(laboratory: Laboratory, swept: Laboratory) -> None:
    laboratory.run("sweep", "--trials", "3", "--jobs", "1")
    laboratory.run("sweep", "--trials", "7", "--jobs", "1")
    in_parts = laboratory.study()["settled"]
    for path in laboratory.journal.parent.iterdir():
        path.unlink()
    laboratory.run("sweep", "--trials", "7", "--jobs", "1")
    assert laboratory.study()["settled"] == in_parts


SAMPLERS = [name for name in get_args(Space.model_fields["sampler"].annotation) if name != "freeze_thaw"]


def test_each_name_is_a_sampler_of_its_own() -> None:
    assert len({type(sampler(name, 0, 0)) for name in SAMPLERS}) == len(SAMPLERS) > 1


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_fills_the_space_and_goes_on_as_it_would_have(laboratory: Laboratory, sampler: str) -> None:
    laboratory.change({**SPACE, "sampler": sampler})
    laboratory.run("sweep", "--trials", "6", "--jobs", "1")
    laboratory.run("sweep", "--trials", "8", "--jobs", "1")
    in_parts = laboratory.study()["settled"]
    assert len({json.dumps(values) for _, values, _, _ in in_parts}) > 4
    for path in laboratory.journal.parent.iterdir():
        path.unlink()
    laboratory.run("sweep", "--trials", "8", "--jobs", "1")
    assert laboratory.study()["settled"] == in_parts


def test_another_sampler_goes_on_with_the_same_study(laboratory: Laboratory) -> None:
    laboratory.run("sweep", "--trials", "2")
    laboratory.change({**SPACE, "sampler": "gp"})
    assert "2 trials done before" in laboratory.run("sweep", "--trials", "3").stdout
    assert len(laboratory.study()["settled"]) == 3


def test_a_torn_line_is_cut_after_a_backup(laboratory: Laboratory) -> None:
    laboratory.run("sweep", "--trials", "2")
    whole = laboratory.journal.read_bytes()
    laboratory.journal.write_bytes(whole + whole.splitlines()[-1][:20])
    said = laboratory.run("sweep", "--trials", "3").stdout
    assert "torn1" in said
    assert laboratory.journal.with_name(laboratory.journal.name + ".torn1").read_bytes() != whole
    assert laboratory.journal.read_bytes().startswith(whole)
    assert len(laboratory.study()["settled"]) == 3


def test_a_diverging_trial_fails_alone(laboratory: Laboratory) -> None:
    choices = {"optimizer": {"choices": ["adamw", "sgd"]}, "lr": {"choices": [0.002, 1e30]}}
    laboratory.change({"trials": 6, "sampler": "tpe", "set": choices, "args": {}})
    said = laboratory.run("sweep", "--trials", "10").stdout
    study = laboratory.study()
    failed = [t for t in study["settled"] if t[2] is None]
    assert 0 < len(failed) < 10 == len(study["settled"])
    assert all(t[1]["set.lr"] == 1e30 and t[3] for t in failed)
    assert "failed: trial" in said


def test_a_crashed_cell_is_a_failed_trial(laboratory: Laboratory) -> None:
    model = laboratory.root / "pipeline" / "models" / "mlp.py"
    crash = "    if hidden == [16]:\n        import os\n        os.abort()\n    layers"
    model.write_text(model.read_text().replace("    layers", crash, 1))
    laboratory.run("sweep", "--trials", "6")
    study = laboratory.study()
    failed = [t for t in study["settled"] if t[2] is None]
    assert len(study["settled"]) == 6 and failed
    assert all(t[1]["args.hidden"] == [16] and "signal 6" in t[3] for t in failed)


IMPOSSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"set": {"momentum": {"choices": [0.0, 0.9]}}}, "a trial could have set.momentum 0.9, which can't be: set"),
    ({"set": {"label_smoothing": {"low": 0.0, "high": 1.5}}}, "a trial could have set.label_smoothing 1.5, which"),
    ({"args": {"hidden": {"choices": [[16], 16]}}}, "a trial could have args.hidden 16, which can't be: args.hidden"),
    (
        {"set": {"optimizer": {"choices": ["sgd", "adamw"]}, "momentum": {"choices": [0.5, 0.9]}}},
        "a trial could have set.optimizer adamw, set.momentum 0.5, which can't be: set",
    ),
]


@pytest.mark.parametrize(("space", "said"), IMPOSSIBLE)
def test_a_space_that_could_make_what_can_not_be_is_refused(
    laboratory: Laboratory, space: dict[str, Any], said: str
) -> None:
    """Also where each value can be, but not all together; before anything is trained or written down."""
    laboratory.change({"trials": 3, **space})
    refused = laboratory.run("sweep", check=False)
    assert refused.returncode == 1 and "search.digits_mlp: " in refused.stderr and said in refused.stderr
    assert not (laboratory.root / "sweeps").exists()


def test_values_that_are_possible_only_together_may_be_searched(laboratory: Laboratory) -> None:
    together = {"optimizer": {"choices": ["sgd"]}, "momentum": {"low": 0.5, "high": 0.9}}
    laboratory.change({"trials": 2, "sampler": "tpe", "set": together})
    assert "[2/2]" in laboratory.run("sweep").stdout


def test_a_default_outside_of_the_space_is_trained_all_the_same(laboratory: Laboratory) -> None:
    laboratory.change(
        {"trials": 2, "sampler": "tpe", "set": {"lr": {"low": 1e-6, "high": 1e-5, "log": True}}, "args": {}}
    )
    said = laboratory.run("sweep").stdout
    study = laboratory.study()
    assert len(study["settled"]) == 2 and study["default"] > study["settled"][0][2]
    assert "[default]" in said and "nothing to promote" in said
    refused = laboratory.run("promote", check=False)
    assert refused.returncode == 1 and "above the default" in refused.stderr


def test_another_space_starts_another_study_and_the_first_can_be_gone_back_to(laboratory: Laboratory) -> None:
    laboratory.run("sweep", "--trials", "2")
    laboratory.change({**SPACE, "args": {}})
    said = laboratory.run("sweep", "--trials", "2").stdout
    assert "space changed since study digits_mlp_" in said and "[2/2]" in said
    laboratory.change(SPACE)
    said = laboratory.run("sweep", "--trials", "3").stdout
    assert "2 trials done before" in said and "[3/3]" in said


def test_no_trial_is_begun_after_the_timeout(laboratory: Laboratory) -> None:
    said = laboratory.run("sweep", "--trials", "500", "--timeout", "1e-9").stdout
    assert "[1/500]" not in said and "[default]" in said
    said = laboratory.run("sweep", "--trials", "500", "--timeout", "4").stdout
    assert "[1/500]" in said and "[500/500]" not in said


def test_a_second_sweep_of_the_same_experiment_is_refused(laboratory: Laboratory) -> None:
    process = laboratory.start("sweep", "--trials", "100")
    assert process.stdout
    process.stdout.readline()
    second = laboratory.run("sweep", check=False)
    process.terminate()
    process.communicate()
    assert second.returncode == 1 and "in use by another sweep" in second.stderr
    assert process.returncode == 128 + signal.SIGTERM


def test_an_unknown_experiment_is_an_error_with_a_suggestion(laboratory: Laboratory) -> None:
    for given, expected in (
        ("digits_mpl", "did you mean 'digits_mlp'?"),
        ("iris_mlp", "search has no entry 'iris_mlp'"),
    ):
        refused = laboratory.run("sweep", "--experiment", given, check=False)
        assert refused.returncode == 1 and expected in refused.stderr
    refused = laboratory.run("sweep", "--trials", "many", check=False)
    assert refused.returncode == 2 and "'many' is no whole number" in refused.stderr


def test_several_are_searched_one_after_the_other_and_promoted_together(laboratory: Laboratory) -> None:
    laboratory.change({**SPACE, "trials": 3})
    laboratory.change(
        {"trials": 3, "sampler": "random", "set": {"lr": {"low": 0.001, "high": 0.1, "log": True}}}, "iris_mlp"
    )
    said = laboratory.run("sweep").stdout
    assert "[1/2] digits_mlp" in said and "[2/2] iris_mlp" in said
    overview = said.partition("each beside its own default:")[2].splitlines()
    assert overview[1].split() == ["experiment", "metric", "default", "best", "gain", "trainings", "trials"]
    assert [line.split()[0] for line in overview[2:4]] == ["digits_mlp", "iris_mlp"]
    assert {line.split()[-2] for line in overview[2:4]} == {"3.0"}
    record = (laboratory.root / "results" / "laptop" / "trials" / "digits_mlp.csv").read_text()
    assert record.startswith("state,trial,trainings,epochs,value,seed,values\ndefault,,0.00,2,")
    assert record.count("\nwhole,") == 3 and ",3.00," in record
    again = laboratory.run("sweep").stdout
    assert "[3/3]" not in again and record == next(laboratory.root.glob("results/*/trials/digits_mlp.csv")).read_text()
    better = [key for key in ("digits_mlp", "iris_mlp") if f"make promote EXPERIMENT={key}" in said]
    promoted = laboratory.run("promote", check=bool(better))
    text = laboratory.params.read_text()
    assert [key for key in ("digits_mlp", "iris_mlp") if f"{key}_tuned" in text] == better
    assert bool(better) == (promoted.returncode == 0)


def test_all_spaces_are_looked_at_before_the_first_trial(laboratory: Laboratory) -> None:
    laboratory.change({"trials": 1, "args": {"hidden": {"choices": [[16], 16]}}}, "iris_mlp")
    refused = laboratory.run("sweep", check=False)
    assert refused.returncode == 1 and "search.iris_mlp" in refused.stderr
    assert not (laboratory.root / "sweeps").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--experiment", "digits_mlp,digits_mpl"),
            "unknown experiment to search 'digits_mpl'; did you mean 'digits_mlp'",
        ),
        (("--experiment", "iris_mlp"), "search has no entry 'iris_mlp'; it has: digits_mlp"),
        (("--task", "text"), "unknown part of the build with a space to search 'text'"),
        (("--trials", "0"), "must be at least 1"),
    ],
)
def test_what_can_not_be_searched_is_said(laboratory: Laboratory, words: tuple[str, ...], said: str) -> None:
    refused = laboratory.run("sweep", *words, check=False)
    assert refused.returncode and said in refused.stderr and not (laboratory.root / "sweeps").exists()


def test_a_trial_may_import_what_the_first_did_not(laboratory: Laboratory) -> None:
    """Its augmentation is a file of code of its own."""
    shift = [{"name": "shift", "pixels": 1}]
    laboratory.change({"trials": 3, "sampler": "quasi_random", "set": {"augment": {"choices": [[], shift]}}})
    laboratory.run("sweep", "--jobs", "1")
    settled = laboratory.study()["settled"]
    assert {json.dumps(values["set.augment"]) for _, values, *_ in settled} == {"[]", json.dumps(shift)}
    assert all(value is not None for _, _, value, _ in settled)
