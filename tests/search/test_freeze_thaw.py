"""Trials that pause: the model of their curves, the choice, and sweeps of real trainings that are stopped and go on."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.search.cube import Cube
from pipeline.search.freeze_thaw import Curve, choose
from pipeline.search.learning_curves import LearningCurves
from pipeline.search.space import Axis, Space, rungs_of
from tests.search.conftest import SPACE, Laboratory

AXES = {
    "lr": Axis(low=1e-4, high=1.0, log=True),
    "width": Axis(low=8, high=128, log=True),
    "dropout": Axis(low=0.0, high=0.5),
    "hidden": Axis(choices=[[16], [64], "none"]),
}
RUNGS = [1, 2, 4, 8]
TRIALS = """
import json
from pipeline.cells.cell import read_json
from pipeline.config import loading
from pipeline.run.plan import Plan
from pipeline.search.study import Study
from pipeline.search.subject import Subject
subject = Subject(Plan(loading.load()), "digits_mlp")
study = Study(subject, create=False)
print(json.dumps([{"state": t.state.name, "params": t.params, "seen": t.intermediate_values, "value": t.value,
    "until": t.user_attrs.get("until"), "again": t.user_attrs.get("again")} for t in study.study.trials]))
print(json.dumps([study.epochs, study.done, study.asked, subject.rungs]))
"""


def test_rungs_halve_the_epochs() -> None:
    assert (
        rungs_of(52) == [3, 6, 13, 26, 52] and rungs_of(12) == [3, 6, 12] and rungs_of(5) == [5] and rungs_of(1) == [1]
    )


def test_values_come_back_from_their_point() -> None:
    cube, random = Cube(AXES), np.random.default_rng(0)
    points = cube.nearest(random.random((50, cube.dimensions)))
    for point in points:
        values = cube.values(point)
        assert 8 <= values["width"] <= 128 and isinstance(values["width"], int) and 0 <= values["dropout"] <= 0.5
        np.testing.assert_allclose(cube.point(values), point, atol=1e-12)
    assert {str(cube.values(p)["hidden"]) for p in points} == {"[16]", "[64]", "none"}
    low, high = cube.values(np.zeros(cube.dimensions)), cube.values(np.ones(cube.dimensions))
    assert (low["lr"], low["width"], high["width"]) == (1e-4, 8, 128) and high["lr"] == pytest.approx(1.0)


def _landscape(point: Any, epoch: int) -> float:
    """Curves that rise to what the first dimension decides."""
    return float((1 - (point[0] - 0.7) ** 2) * (1 - 0.5 ** (epoch / 2)))


def _observed(count: int) -> tuple[Any, list[tuple[int, int, float]]]:
    points = np.random.default_rng(1).random((count, 2))
    return points, [(i, e, _landscape(p, e)) for i, p in enumerate(points) for e in RUNGS[: 1 + i % 4]]


def test_the_model_predicts_the_end_of_curves_that_it_has_not_seen() -> None:
    points, observed = _observed(24)
    model = LearningCurves(points, observed, RUNGS[-1], {})
    new = np.random.default_rng(2).random((50, 2))
    mean, deviation = model._predict(new, [-1] * len(new))
    values = np.array([v for *_, v in observed])
    truth = (np.array([_landscape(p, RUNGS[-1]) for p in new]) - values.mean()) / values.std()
    assert np.corrcoef(mean, truth)[0, 1] > 0.95
    assert (np.abs(mean - truth) < 3 * deviation + 0.05).mean() > 0.9


def test_its_parameters_are_fitted_along_the_true_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    points, observed = _observed(10)
    seen: dict[str, Any] = {}
    from pipeline.search import learning_curves

    def minimize(loss: Any, start: Any, **_: Any) -> Any:
        seen.update(loss=loss, start=start)
        return type("Found", (), {"x": start})

    monkeypatch.setattr(learning_curves, "minimize", minimize)
    LearningCurves(points, observed, RUNGS[-1], {})
    at = seen["start"] + 0.1
    _, gradient = seen["loss"](at)
    for i, slope in enumerate(gradient):
        step = np.eye(len(at))[i] * 1e-5
        measured = (seen["loss"](at + step)[0] - seen["loss"](at - step)[0]) / 2e-5
        assert slope == pytest.approx(measured, rel=1e-4, abs=1e-5)


def _search(epochs: int) -> list[Curve]:
    cube, trials, spent, fitted = Cube({"x": AXES["dropout"], "y": AXES["dropout"]}), list[Curve](), 0, dict[str, Any]()
    while choice := choose(trials, cube, RUNGS, epochs - spent, 0, fitted):
        if choice.trial is None:
            trials.append(Curve(choice.point, {}, 0))
        number = len(trials) - 1 if choice.trial is None else choice.trial
        before = trials[number]
        assert before.until < choice.epoch and choice.epoch in RUNGS
        spent += choice.epoch - before.until
        seen = before.seen | {choice.epoch: _landscape(choice.point, choice.epoch)}
        trials[number] = Curve(choice.point, seen, choice.epoch)
    assert spent <= epochs
    return trials


def test_a_search_finds_the_best_values_and_trains_few_to_the_end() -> None:
    trials = _search(10 * RUNGS[-1])
    whole = [trial for trial in trials if trial.until == RUNGS[-1]]
    assert len(trials) > 15 and 1 <= len(whole) < 8
    assert min(abs(trial.point[0] - 0.7) for trial in whole) < 0.05
    assert len({trial.point.tobytes() for trial in trials}) == len(trials)


def test_what_runs_is_not_asked_for_again_and_what_was_tried_is_not_new() -> None:
    cube = Cube({"hidden": AXES["hidden"]})
    points = [cube.point({"hidden": choice}) for choice in AXES["hidden"].choices or []]
    running = [Curve(point, {1: 0.5}, 2) for point in points]
    assert choose(running, cube, RUNGS, 100, 0, {}) is None
    paused = [*running[:2], Curve(points[2], {1: 0.5}, 1)]
    choice = choose(paused, cube, RUNGS, 100, 0, {})
    assert choice and (choice.trial, choice.epoch) == (2, 2)


def test_freeze_thaw_takes_no_pruner() -> None:
    with pytest.raises(ValueError, match="set pruner median to none"):
        Space(pruner="median", set={"lr": Axis(low=0.1, high=1.0)})


def _state(laboratory: Laboratory) -> tuple[list[dict[str, Any]], list[Any]]:
    trials, counts = map(json.loads, laboratory.python(TRIALS).splitlines()[-2:])
    return trials, counts


def _freezing(laboratory: Laboratory, **changes: Any) -> None:
    laboratory.params.write_text(laboratory.params.read_text().replace("epochs: 2", "epochs: 12"))
    laboratory.change({**SPACE, "sampler": "freeze_thaw", **changes})


def test_killed_in_mid_sweep_it_spends_just_its_budget_and_ends_every_trial(laboratory: Laboratory) -> None:
    _freezing(laboratory)
    process = laboratory.start("sweep", "--trials", "5", "--jobs", "2")
    assert process.stdout
    for line in process.stdout:
        if line.startswith("[2"):
            break
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    left, (asked, *_) = _state(laboratory)
    assert "RUNNING" in {trial["state"] for trial in left} and asked < 60
    said = laboratory.run("sweep", "--trials", "5", "--jobs", "2").stdout
    trials, (epochs, done, _, rungs) = _state(laboratory)
    assert rungs == [3, 6, 12] and "trials pause after 3, 6" in said
    assert {trial["state"] for trial in trials} <= {"COMPLETE", "PRUNED", "FAIL"}
    assert not [trial for trial in trials if trial["state"] == "FAIL" and trial["until"]]
    assert epochs == done <= 60 and done > 48
    for before, after in zip(left, trials, strict=False):
        assert before["seen"].items() <= after["seen"].items()
    assert len({json.dumps(trial["params"]) for trial in trials}) == len(trials) > 5


def test_a_larger_sweep_goes_on_with_trials_that_a_smaller_one_gave_up(laboratory: Laboratory) -> None:
    """Of three values one is the row's own, and the other two are begun side by side with too little for either."""
    _freezing(laboratory, set={"lr": {"choices": [0.002, 0.004, 0.008]}}, args={})
    laboratory.run("sweep", "--trials", "2", "--jobs", "2")
    before, (epochs, *_) = _state(laboratory)
    assert sorted(trial["state"] for trial in before) == ["COMPLETE", "PRUNED", "PRUNED"] and epochs == 18
    laboratory.run("sweep", "--trials", "4", "--jobs", "2")
    after, (epochs, *_) = _state(laboratory)
    resumed = [trial for trial in after if trial["again"] is not None]
    assert len(resumed) == 2 and epochs == 36 and {trial["state"] for trial in resumed} == {"COMPLETE"}
    for trial in resumed:
        old = before[trial["again"]] if trial["again"] < len(before) else after[trial["again"]]
        assert old["state"] == "PRUNED" and old["params"] == trial["params"] and trial["until"] > old["until"]
        assert old["seen"].items() <= trial["seen"].items()


def test_a_trial_that_paused_ends_as_if_it_had_never_paused(laboratory: Laboratory) -> None:
    """Its metric is that of the same values trained at once, in a copy without its cells."""
    _freezing(laboratory)
    laboratory.run("sweep", "--trials", "6", "--jobs", "2")
    study = laboratory.study()
    best = next(t for t in study["settled"] if t[1] != {"set.lr": 0.002, "set.batch_size": 32, "args.hidden": [128]})
    folder = Path(study["cells"][str(best[0])])
    assert "going on after" in (folder / "log.txt").read_text()
    first = json.loads((folder / "result.json").read_text())
    for path in sorted(folder.iterdir()):
        path.unlink()
    folder.rmdir()
    fixed = {
        part: {name.partition(".")[2]: {"choices": [value]} for name, value in best[1].items() if name.startswith(part)}
        for part in ("set", "args")
    }
    laboratory.change({"trials": 1, "sampler": "random", **fixed})
    laboratory.run("sweep", "--jobs", "1")
    again = json.loads((folder / "result.json").read_text())
    assert "going on after" not in (folder / "log.txt").read_text()
    assert again["weights_hash"] == first["weights_hash"] and again["validation"] == first["validation"]


def test_where_no_trial_pauses_the_model_still_learns_from_whole_ones(laboratory: Laboratory) -> None:
    """After two epochs a rate of 0.01 or so is best; of random ones a quarter would lie near it."""
    wide = {"lr": {"low": 1e-6, "high": 1.0, "log": True}}
    laboratory.change({"sampler": "freeze_thaw", "set": wide, "args": {}})
    laboratory.run("sweep", "--trials", "16", "--jobs", "1")
    trials, (*_, rungs) = _state(laboratory)
    rates = [trial["params"]["set.lr"] for trial in trials]
    assert rungs == [2] and all(trial["seen"].keys() == {"2"} for trial in trials)
    assert sum(0.001 < rate < 0.1 for rate in rates[6:]) >= 7


@pytest.mark.parametrize("pruner", ["median", "hyperband", "successive_halving", "patience"])
def test_a_pruner_gives_up_within_the_budget(laboratory: Laboratory, pruner: str) -> None:
    wide = {"lr": {"low": 1e-6, "high": 1.0, "log": True}}
    _freezing(laboratory, sampler="random", pruner=pruner, set=wide, args={})
    said = laboratory.run("sweep", "--trials", "14", "--jobs", "2").stdout
    trials, (epochs, done, asked, _) = _state(laboratory)
    states = [trial["state"] for trial in trials]
    assert set(states) <= {"COMPLETE", "PRUNED"} and epochs == done <= 168 and "COMPLETE" in states
    if pruner != "patience":
        assert "PRUNED" in states and "given up" in said and asked > 14


def test_the_best_are_judged_by_their_means_over_seeds(laboratory: Laboratory) -> None:
    _freezing(laboratory, seeds=2, trials=10)
    refused = laboratory.run("sweep", "--trials", "4", check=False)
    assert refused.returncode == 1 and "4 trials are too few for 2 seeds" in refused.stderr
    assert not (laboratory.root / "sweeps").exists()
    said = laboratory.run("sweep", "--jobs", "2").stdout
    assert "6 trainings of 12 epochs in all" in said and "train digits_mlp seed 2" in said
    line = next(line for line in said.splitlines() if line.startswith("means over 2 seeds: "))
    means = {name: float(value) for name, value in (p.split() for p in line.partition(": ")[2].split(", "))}
    study = laboratory.study()
    best = [str(number) for number, _, value, _ in study["settled"][:3]]
    assert "default" in means and {*means} <= {"default", *best}
    for number, values, first, _ in study["settled"]:
        if str(number) in means:
            second = laboratory.python(SECOND.format(values=values)).splitlines()[-1]
            assert means[str(number)] == pytest.approx((first + float(second)) / 2, abs=1e-4)
    winner = max((name for name in means if name != "default"), key=lambda name: means[name])
    promoted = laboratory.run("promote", check=False)
    assert (promoted.returncode == 0) == (means[winner] > means["default"])


SECOND = """
from pipeline.config import loading
from pipeline.run.plan import Plan
from pipeline.search.subject import Subject
print(Subject(Plan(loading.load()), "digits_mlp").cell({values!r}, 2).result["validation"]["accuracy"])
"""
