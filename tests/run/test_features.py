"""Which trainings share a features cell, what decides it, and a row of texts over one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import paths
from pipeline.build.selection import Selection
from pipeline.build.steps import roots
from pipeline.build.why import explain
from pipeline.cells.cell import Cell, read_json, write_json
from pipeline.config import loading
from pipeline.results import files
from pipeline.results.collect import _costs
from pipeline.results.files import COSTS
from pipeline.run import estimate
from pipeline.run.estimate import Estimates
from pipeline.run.fill import Run, executor, needed
from pipeline.run.plan import Plan
from pipeline.search.space import Space
from pipeline.search.subject import Subject
from tests import corpora

CARD = "pipeline/models/cards/efficientnet_lite0.yaml"
SPENT = {"train": 10, "features": 8}  # seconds, of training with what it is trained over
STUDY = """
studies:
  heads:
    of: news_cnn
    kind: ablation
    vary:
      - {label: slow, set: {lr: 0.01}, start: {weights: news_cnn, train: head}}
      - {label: fast, set: {lr: 0.1, batch_size: 16}, start: {weights: news_cnn, train: head}}
"""


def plan(weights: str = CARD, **changes: Any) -> Plan:
    """Of two rows, `one` and `two`, that train a head; changes: fields of `one`. Nothing is drawn but by `budget`."""
    params = loading.load()
    study = next(name for name, each in params.studies.items() if each.of == "fmnist_efficientnet_lite0")
    params = params.varied(study)
    point = next(row for row in params.experiments.values() if row.start and row.start.train == "head")
    start = point.start.model_copy(update={"weights": weights})
    point = point.model_copy(update={"budget": {"samples": None}, "start": start})
    other = point.model_copy(update={"set": {**point.set, "lr": 0.5, "batch_size": 7, "optimizer": "sgd"}})
    rows = {"one": point.model_copy(update=changes), "two": other}
    found = params.model_copy(update={"experiments": rows})
    found._rows = params.rows
    return Plan(found)


def features(plan: Plan, row: str = "one", seed: int = 0, **changes: Any) -> Cell:
    return plan.trial(row, seed, changes).inputs["features"]


def test_rows_rates_and_seeds_share_one_where_nothing_is_drawn() -> None:
    asked = plan()
    cells = [
        features(asked, row, seed, set={"lr": rate}) for row in ("one", "two") for seed in (0, 1) for rate in (1, 2)
    ]
    assert all(cell is cells[0] for cell in cells) and cells[0].seed is None
    assert cells[0].label == "one" and cells[0].output.parts[-3:] == ("train", "one", "features")
    assert [c.kind for c in needed([asked.train("one", 0), asked.train("two", 1)])].count("features") == 1
    made = Selection(asked, "one").steps()["train"]
    assert {c.kind for c in made} == {"features", "train"} and len({c.output for c in made}) == len(made)
    root = roots(asked.params.profile)["train"]
    assert all(cell.output.is_relative_to(root) for cell in made), "where the stage shows them"
    longer = plan(budget={"samples": None, "epochs": 50})
    assert features(longer).request == cells[0].request
    assert features(plan(args={"norm_momentum": 0.5})).request == cells[0].request, "it is of training alone"
    kept = plan(start=asked.params.experiments["one"].start.model_copy(update={"head": "kept"}))
    assert features(kept).request == cells[0].request


def test_items_that_are_drawn_or_weights_of_a_seed_are_of_each_seed() -> None:
    drawn = plan(budget={"samples": 100})
    assert features(drawn, seed=0).request != features(drawn, seed=1).request
    assert features(drawn, seed=1).label == "one seed 1" and features(drawn, seed=1).output.name == "features_1"
    assert features(drawn, seed=1) is features(drawn, seed=1, set={"lr": 0.3})
    seeded = plan("fmnist_simclr")
    assert features(seeded, seed=0).request != features(seeded, seed=1).request
    assert features(seeded, "one", 1) is features(seeded, "two", 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"view": "rgb64"},
        {"args": {"variant": "lite1"}},
        {"set": {"scaling": "unit"}},
        {"set": {"channels_last": True}},
        {"budget": {"samples": 100}},
        {"budget": {"samples": None, "validation": 10}},
    ],
)
def test_what_decides_them_makes_others(changes: dict[str, Any]) -> None:
    assert features(plan(**changes)).request != features(plan()).request
    assert features(plan("pipeline/models/cards/efficientnet_lite1.yaml")).request != features(plan()).request


@pytest.fixture
def texts(own_cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Plan]:
    """The points of a study of texts, whose heads are trained over the features of a row."""
    monkeypatch.chdir(tmp_path)
    corpora.write(tmp_path)
    (tmp_path / "params.yaml").write_text(corpora.SECTIONS.replace("seeds: [0]", "seeds: [0, 1]") + STUDY)
    return lambda: Plan(loading.load(tmp_path / "params.yaml").varied("heads"))


@pytest.mark.slow
def test_heads_of_texts_share_features_and_learn_over_them(texts: Callable[[], Plan]) -> None:
    asked = texts()
    cells = [asked.train(key, seed) for key in ("heads_1", "heads_2") for seed in (0, 1)]
    estimates = Estimates(asked.params)
    assert "features heads_1  (2 cells)\n    never run" in explain(cells, estimates, 1)
    said: list[str] = []
    made = Run(executor(0), say=said.append).fill(cells)
    assert [cell.kind for cell in made].count("features") == 2, "of each seed, since 70 items are drawn"
    assert sum(" features heads_1 seed " in line for line in said) == 2
    assert all(cell.result["validation"]["accuracy"] > 0.5 for cell in cells)
    first = cells[0].inputs["features"]
    assert np.load(first.folder / "train.npy").shape == (70, first.result["width"])
    assert explain(cells, estimates, 1).startswith("nothing to compute")
    costs = {line["metric"]: float(line["value"]) for line in _costs(0, cells[0])}
    assert costs["train_seconds"] > costs["features_seconds"] == first.costs["features_seconds"]
    assert read_json(first.folder / "spec.json")["kind"] == "features"
    assert estimates.seconds(first) is None and estimates.seconds(cells[0]) is None, "no results of the row"
    results = paths.results("laptop", "heads_1")
    results.mkdir(parents=True)
    spent = [{"seed": 0, "metric": f"{kind}_seconds", "value": value} for kind, value in SPENT.items()]
    files.write(results / "costs.csv", COSTS, [{**line, "hardware": ""} for line in spent])
    estimate._cost.cache_clear()
    write_json(results / "keys.json", {"asked": {"budget": {"samples": 35, "epochs": 6}}})
    again = Estimates(asked.params)
    assert (
        again.seconds(first) == SPENT["features"] * 2
        and again.seconds(cells[0]) == (SPENT["train"] - SPENT["features"]) * 2 * 2
    )


@pytest.mark.slow
def test_trials_of_a_search_share_features_unless_it_is_they_that_are_searched(texts: Callable[[], Plan]) -> None:
    params = texts().params
    space = Space.model_validate(
        {"trials": 2, "set": {"lr": {"choices": [0.1, 0.2]}}, "args": {"maps": {"choices": [8, 4]}}}
    )
    subject = Subject(Plan(params.model_copy(update={"search": {"heads_1": space}})), "heads_1", 0)
    default = subject.default.inputs["features"]
    assert default.complete and not subject.default.complete
    other = subject.cell({"set.lr": 0.2, "args.maps": 4}).inputs["features"]
    assert other.complete and other.key != default.key and "does not fit" in other.result["reason"]
    trial = subject.cell({"set.lr": 0.2})
    assert trial.inputs["features"] is default and trial.ready and trial.key != subject.default.key
