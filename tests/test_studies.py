"""Studies: points are trained once, judged like rows, and drawn."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import scratch
from pipeline.cells.cell import record
from pipeline.config import loading
from pipeline.config.sections import Study, Variation
from pipeline.report import study
from pipeline.report.render import pictures
from pipeline.report.studies import ablation, gradients
from pipeline.report.studies._points import Point, read
from pipeline.report.table import statistics
from pipeline.results.metric import named
from pipeline.training.start import Start
from tests import helpers
from tests.conftest import without_publish
from tests.sources import ROOT

STUDY = {"of": "iris_mlp", "vary": [{"args": {"hidden": [4]}}, {"args": {}}]}


def edit(sections: dict[str, Any]) -> None:
    scratch.only(["iris_mlp"], seeds=(0, 1), epochs=2)(sections)
    sections["studies"] = {"width": STUDY}


def lines(project: Path, name: str = "width") -> list[dict[str, str]]:
    return study.read(project / "studies/results/laptop" / name)


WILD = {"optimizer": "sgd", "lr": 1e30, "schedule": "constant"}
KINDS: dict[str, dict[str, Any]] = {
    "ablation": {
        "vary": [{"label": "one epoch", "budget": {"epochs": 1, "samples": 60}}, {"args": {"hidden": [4]}}],
    },
    "gradients": {
        "vary": [
            {"label": "deep", "args": {"hidden": [16] * 12, "activation": "sigmoid"}},
            {"label": "wild", "set": WILD},
        ]
    },
    "ending": {
        "budget": {"epochs": 30},
        "vary": [
            {"label": "all epochs"},
            {"label": "stopped", "set": {"patience": 3, "best_weights": True}},
            {"label": "wild", "set": WILD},
        ],
    },
}


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a study of each of these kinds, named by it, after `cli study`. Only to be looked at."""

    def kinds(sections: dict[str, Any]) -> None:
        edit(sections)
        sections["studies"] = {kind: {"of": "iris_mlp", "kind": kind, **asked} for kind, asked in KINDS.items()}

    project = without_publish(scratch.copy(tmp_path_factory.mktemp("studied"), kinds))
    assert "error" not in scratch.cli(project, "study").stdout
    return project


def test_points_are_trained_once_and_the_row_s_own_is_the_row(fresh: Callable[..., Path]) -> None:
    project = fresh(edit)
    first = scratch.cli(project, "study").stdout
    found = lines(project)
    assert [(p["varied"], p["seed"]) for p in found] == [
        (varied, seed) for varied in ("hidden 4", "as in the table") for seed in "01"
    ]
    weights = {4: 4 * 4 + 4 + 4 * 3 + 3, 16: 4 * 16 + 16 + 16 * 3 + 3}
    assert [int(p["parameters"]) for p in found] == [weights[4]] * 2 + [weights[16]] * 2
    items = 75  # of 150, less 0.3 for test and 0.2 for validation
    assert float(found[0]["training_flops"]) == 3 * 2 * (4 * 4 + 4 * 3) * items * 2
    assert all(p["status"] == "ok" and 0 <= float(p["value"]) <= 1 for p in found) and "[22/22]" in first
    report = project / "studies/reports/laptop"
    assert {p.name for p in report.iterdir()} >= {"studies.md", "studies.html", "score_against_parameters_iris.png"}
    assert "hidden 4" in (report / "studies.md").read_text()

    again = scratch.cli(project, "study").stdout
    assert "[1/" not in again and again.count("Running stage") == 1, "the plan alone"
    repro = scratch.cli(project, "repro").stdout
    assert "train iris_mlp" not in repro, "the row's own point is its cells"
    scratch.change(project, lambda p: p["studies"]["width"]["vary"].append({"args": {"hidden": [2]}}))
    assert "[10/10]" in scratch.cli(project, "study").stdout and len(lines(project)) == 6


def test_an_ablation_is_compared_with_its_first_point_under_a_budget_of_its_own(studied: Path) -> None:
    found = lines(studied, "ablation")
    assert [p["varied"] for p in found] == ["one epoch"] * 2 + ["hidden 4"] * 2
    assert float(found[0]["training_flops"]) == 3 * 2 * (4 * 16 + 16 * 3) * 60
    report = studied / "studies/reports/laptop"
    text = (report / "studies.md").read_text()
    assert "`ablation`, against one epoch" in text and "| hidden 4 |" in text and "p (Holm)" in text
    assert (report / "ablation_iris.png").stat().st_size > 5000 and not list(report.glob("score_*"))


def test_a_budget_of_a_point_s_own_is_checked(fresh: Callable[..., Path]) -> None:
    project = fresh(edit)
    scratch.change(project, lambda p: p["studies"]["width"]["vary"].insert(0, {"budget": {"epoch": 1}}))
    with pytest.raises(RuntimeError, match=r"studies.width.vary.0.budget.*epoch"):
        scratch.cli(project, "study")


def test_pretraining_is_done_once_a_seed_and_decides_what_starts_from_it_alone(fresh: Callable[..., Path]) -> None:
    def pretrained(sections: dict[str, Any]) -> None:
        scratch.only(["digits_cnn"], seeds=(0, 1), epochs=1)(sections)
        row = sections["experiments"]["digits_cnn"]
        method = {"method": "simclr", "options": {}, "budget": {"samples": 300}}
        sections["pretraining"] = {"digits_simclr": {**row, **method}}
        points = [
            {"label": "scratch", "budget": {"samples": 100}},
            {"label": "probe", "start": {"weights": "digits_simclr", "train": "head"}},
            {"label": "tuned", "start": {"weights": "digits_simclr", "layer_decay": 0.8}},
            {"label": "trained on", "start": {"weights": "digits_cnn", "head": "kept"}},
        ]
        sections["studies"] = {"width": {"of": "digits_cnn", "kind": "ablation", "vary": points}}

    project = fresh(pretrained)
    scratch.cli(project, "study")
    found = lines(project)
    assert {p["varied"] for p in found} == {"scratch", "probe", "tuned", "trained on"}
    assert all(p["status"] == "ok" and float(p["value"]) > 0.1 for p in found)
    assert len(helpers.cells(project, "pretrain")) == 2
    before = helpers.cells(project)

    def warmer(sections: dict[str, Any]) -> None:
        sections["pretraining"]["digits_simclr"]["options"] = {"temperature": 0.2}

    scratch.change(project, warmer)
    scratch.cli(project, "study")
    made = [record(project / ".cells" / name, "spec.json") for name in helpers.cells(project) - before]
    assert Counter(s["kind"] for s in made) == {"pretrain": 2, "features": 2, "train": 4, "predict": 4, "evaluate": 12}
    assert {spec["start"]["weights"] for spec in made if spec["kind"] == "train"} == {"digits_simclr"}
    assert "[1/" not in scratch.cli(project, "study").stdout


def test_a_row_of_studies_alone_is_in_no_table_but_has_its_points() -> None:
    found = loading.load(ROOT / "params.yaml")
    names = [s for s, each in found.studies.items() if found.varied_rows[each.of].only and s.endswith("_100")]
    assert len(names) == 2 and not {found.studies[name].of for name in names} & set(found.experiments)
    assert all(found.studies[name].of in found.elsewhere for name in names)
    assert all(len(found.varied(name).experiments) == len(found.studies[name].vary) for name in names)


def test_gradients_are_drawn_by_layer_and_update_and_a_fault_is_named(studied: Path) -> None:
    found = lines(studied, "gradients")
    deep = [line for line in found if line["varied"] == "deep" and line["seed"] == "0"]
    assert [int(line["update"]) for line in deep if line["depth"] == "0"] == [1, 2, 4, 8]
    assert len({line["layer"] for line in deep}) == 13 and "vanishing gradients" in deep[0]["found"]
    assert {line["status"].partition(" at ")[0] for line in found if line["varied"] == "wild"} <= {
        "loss is nan",
        "loss is inf",
    }
    text = (studied / "studies/reports/laptop/studies.md").read_text()
    assert "| deep |" in text and "vanishing gradients" in text and "loss is" in text
    assert (studied / "studies/reports/laptop/gradients_iris.png").stat().st_size > 5000


def test_where_runs_end_is_drawn_beside_the_run_that_nothing_stops(studied: Path) -> None:
    found = lines(studied, "ending")
    runs = {
        (varied, seed): [line for line in found if (line["varied"], line["seed"]) == (varied, seed)]
        for varied in ("all epochs", "stopped")
        for seed in "01"
    }
    for seed in "01":
        whole, stopped = runs["all epochs", seed], runs["stopped", seed]
        assert (len(whole), whole[0]["kept"], whole[0]["ended"]) == (30, "30", "")
        assert len(stopped) < 30 and "early stopping after epoch" in stopped[0]["ended"]
        curves = [[(line["epoch"], line["validation"]) for line in run] for run in (whole, stopped)]
        assert curves[1] == curves[0][: len(stopped)], "until it ends it is the same run"
        best = max(stopped, key=lambda line: float(line["validation"]))
        assert stopped[0]["kept"] == best["epoch"] and int(best["epoch"]) <= len(stopped) - 3
    text = (studied / "studies/reports/laptop/studies.md").read_text()
    assert "| all epochs |" in text and "| 30, 30 |" in text and "wild FAILED: seed 0: " in text
    assert (studied / "studies/reports/laptop/ending_iris.png").stat().st_size > 5000


def test_a_study_of_a_row_that_is_none_here_is_empty(fresh: Callable[..., Path]) -> None:
    def other(sections: dict[str, Any]) -> None:
        scratch.only(["iris_mlp", "iris_svm"], seeds=(0,), epochs=1)(sections)
        sections["experiments"]["iris_mlp"]["only"] = ["paper"]
        sections["studies"] = {"width": STUDY}

    project = fresh(other)
    scratch.cli(project, "study")
    assert not lines(project)
    with pytest.raises(RuntimeError, match="unknown study 'widht'; did you mean 'width'"):
        scratch.cli(project, "study", "--study", "widht")


def test_what_all_points_change_one_may_change_again() -> None:
    own = Variation(args={"hidden": [8]}, budget={"epochs": 2})
    asked = Study(of="fmnist_mlp", args={"hidden": [4]}, set={"lr": 0.1}, budget={"epochs": 1}, vary=[Variation(), own])
    varied = loading.load(ROOT / "params.yaml").model_copy(update={"studies": {"some": asked}}).varied("some")
    assert [point.args["hidden"] for point in varied.experiments.values()] == [[4], [8]]
    assert [varied.budget_of(key).epochs for key in varied.experiments] == [1, 2]
    assert all(varied.recipe_of(key).lr == 0.1 for key in varied.experiments)
    assert asked.names == ["nothing more", "hidden 8, epochs 2"]


def test_a_point_may_start_from_random_weights_where_its_row_does_not() -> None:
    card = {"weights": "pipeline/models/cards/efficientnet_lite0.yaml"}
    found = loading.load(ROOT / "params.yaml")
    row = found.varied_rows["fmnist_efficientnet_lite0"].model_copy(update={"start": Start(**card)})
    vary = [Variation(), Variation(start=None), Variation(start={**card, "train": "head"})]
    asked = Study(of="x", vary=vary)
    varied = found.model_copy(update={"experiments": {"x": row}, "studies": {"some": asked}}).varied("some")
    trains = [point.start and point.start.train for point in varied.experiments.values()]
    assert trains == ["all", None, "head"]
    assert asked.names[:2] == ["as in the table", "from random weights"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU has 16-mixed")
def test_a_cell_that_can_t_be_made_leaves_the_other_studies(fresh: Callable[..., Path]) -> None:
    """16-mixed is not to be had here, and one table is none."""

    def half(sections: dict[str, Any]) -> None:
        edit(sections)
        points = [{"label": "plain"}, {"label": "half", "set": {"precision": "16-mixed"}}]
        sections["studies"]["halves"] = {"of": "iris_mlp", "kind": "ablation", "vary": points}
        sections["data"]["nowhere"] = {**sections["data"]["iris"], "source": "nowhere.csv"}
        sections["experiments"]["nowhere_mlp"] = {**sections["experiments"]["iris_mlp"], "data": "nowhere"}
        sections["studies"]["lost"] = {**STUDY, "of": "nowhere_mlp"}

    project = fresh(half)
    (project / "nowhere.csv").write_text("1,2\n3\n")
    done = scratch.cli(project, "study", check=False)
    assert done.returncode == 1 and "16-mixed needs a GPU" in done.stderr
    assert "not finished, and not drawn anew: halves, lost" in done.stderr and "nowhere" in done.stderr
    assert len(lines(project)) == 4 and "hidden 4" in (project / "studies/reports/laptop/studies.md").read_text()


def test_what_a_point_changes_is_told() -> None:
    assert Study(of="x", vary=[Variation(), Variation(label="y")]).names == ["as in the table", "y"]
    assert Variation(args={"hidden": [8, 4]}, set={"lr": 0.1}).told == "hidden 8 4, lr 0.1"


def test_a_failed_seed_is_said_and_left_out_of_the_mean() -> None:
    line = dict.fromkeys(("study", *study.POINT), "x") | {"varied": "hidden 4", "seed": "0", "parameters": "10"}
    line["metric"] = "accuracy"
    line |= {"value": "0.5", "training_flops": "", "train_seconds": "2.0", "status": "ok"}
    failed = line | {"seed": "1", "value": "", "parameters": "", "train_seconds": "", "status": "loss is nan"}
    (point,) = read([line, failed])
    assert (point.score.mean, point.score.n, point.failed) == (0.5, 1, "seed 1: loss is nan")
    assert point.sizes == {"parameters": 10.0, "training_flops": None}


LOOKS = ("study", *study.POINT, *gradients.COLUMNS, "status")


def look(seed: int, update: int, norm: str, depth: int = 0, gradient: str = "0.1") -> dict[str, str]:
    shared = {"varied": "deep", "found": "", "status": "ok", "seed": str(seed), "update": str(update)}
    return dict.fromkeys(LOOKS, "x") | shared | {"norm": norm, "depth": str(depth), "gradient": gradient}


def test_a_line_of_gradients_ends_with_its_first_seed_and_no_zero_is_left_out() -> None:
    rows = [look(seed, 1, "4.0", depth, g) for seed in (0, 1) for depth, g in enumerate(["0.0", "0.1", "0.4"])]
    rows += [look(0, 2, "1.0"), look(1, 2, "inf"), look(0, 4, "2.0")]
    (point,) = gradients.read(rows)
    assert point.layers == [(0.0, 0.0), (1.0, pytest.approx(0.1)), (2.0, pytest.approx(0.4))]
    assert point.updates == [(1.0, pytest.approx(4.0)), (2.0, float("inf"))]
    (row,) = gradients.table("s", [point]).rows
    assert list(row) == ["deep", "0", "inf", "nothing"]


def test_a_seed_that_could_not_start_is_named_among_gradients(tmp_path: Path) -> None:
    none = dict.fromkeys(LOOKS, "") | {
        "study": "s",
        "data": "iris",
        "varied": "flat",
        "seed": "0",
        "status": "no matrix",
    }
    deep, flat = gradients.read([look(0, 1, "4.0"), none])
    assert (flat.layers, flat.updates, flat.found) == ([], [], ["no matrix"]) and deep.updates
    assert list(gradients.table("s", [deep, flat]).rows[1]) == ["flat", "—", "—", "no matrix"]
    assert pictures.draw([gradients.picture("iris", [[deep, flat]])], tmp_path) == 1
    assert pictures.draw([gradients.picture("iris", [[deep, flat]])], tmp_path) == 0


def test_an_ablation_says_which_point_lost_its_seeds() -> None:
    def point(varied: str, scores: dict[int, float], failed: str = "") -> Point:
        score = statistics.summarize(list(scores.values()))
        return Point("s", "iris_mlp", "iris", "mlp", varied, named("accuracy"), score, scores, {}, 1.0, failed)

    points = [point("none", {0: 0.5}, "seed 1: loss is nan"), point("wild", {}, "all"), point("calm", {0: 0.6, 1: 0.7})]
    shown = [list(row) for row in ablation.table("s", points).rows]
    assert shown[0][0] == "none FAILED: seed 1: loss is nan" and shown[1][-2] == "no seed to compare"
    assert "no seed to compare: wild" in ablation.summary("s", points).items[0]
