"""Tuned rows beside their defaults, and the curve of each search."""

from typing import Any

import pytest

from pipeline.config import loading
from pipeline.report.render import plots
from pipeline.report.render.style import styles
from pipeline.report.table import comparison, tuned
from pipeline.report.table.references import References
from pipeline.results.files import Result
from tests.sources import ROOT

DEFAULT = {0: 0.80, 1: 0.82, 2: 0.81}


def _result(scores: dict[int, float]) -> Result:
    names = ("seed", "split", "metric", "value", "status")
    lines = [(str(seed), "test", "accuracy", str(value), "ok") for seed, value in scores.items()]
    return Result([dict(zip(names, line, strict=True)) for line in lines])


def _rows(**scores: dict[int, float]) -> tuple[list[Any], dict[str, Result]]:
    known = loading.load(ROOT / "params.yaml")
    experiments = {**known.experiments}
    for key in scores:
        if key not in experiments:
            experiments[key] = experiments[key.removesuffix("_tuned")]
    known = known.model_copy(update={"experiments": experiments})
    found = {key: _result(values) for key, values in scores.items()}
    return comparison.rows(known, "laptop", found, References(ROOT / "references")), found


def test_differences_are_paired_by_seed_and_corrected() -> None:
    better = {seed: value + 0.02 + 0.001 * seed for seed, value in DEFAULT.items()}
    equal = {seed: value + 0.01 * (-1) ** seed for seed, value in DEFAULT.items()}
    rows, found = _rows(fmnist_mlp=DEFAULT, fmnist_mlp_tuned=better, fmnist_gru=DEFAULT, fmnist_gru_tuned=equal)
    (table,) = tuned.comparison("fashion_mnist", rows, found)
    assert [line[0] for line in table.rows] == ["fmnist_mlp", "fmnist_gru"]
    assert table.rows[0][3] == "+2.10" and table.rows[0][5] == "3" and table.rows[1][3] == "+0.33"
    p = [float(line[6]) for line in table.rows]
    assert p[0] == pytest.approx(2 * 0.000755, abs=1e-3) and p[1] > 0.3
    assert "corrected for 2 comparisons" in table.caption and "none of which a search used" in table.caption


def test_without_a_tuned_row_there_is_no_table() -> None:
    rows, found = _rows(fmnist_mlp=DEFAULT, fmnist_gru=DEFAULT)
    assert tuned.blocks("fashion_mnist", rows, found, {}, styles(["mlp", "gru"])) == []


def test_the_curve_is_the_best_whole_training_so_far() -> None:
    rows, _ = _rows(fmnist_mlp=DEFAULT)
    facts = [
        ("default", "0.00", "0.80"),
        ("whole", "3.00", "0.79"),
        ("whole", "1.00", "0.80"),
        ("whole", "4.50", "0.83"),
    ]
    trials: list[dict[str, str]] = [{"state": s, "trainings": t, "value": v} for s, t, v in facts]
    trials.append({"state": "given up", "trainings": "", "value": ""})
    (picture,) = tuned.curves("fashion_mnist", rows, {"fmnist_mlp": trials}, styles(["mlp"]))
    (line,) = picture.data["lines"]
    assert line["found"] == [(1.0, 0.80), (3.0, 0.80), (4.5, 0.83)] and line["default"] == 0.80
    (axes,) = plots.tuning(**picture.data).axes
    x, y = axes.lines[0].get_data()
    assert list(x) == [0.0, 1.0, 3.0, 4.5] and list(y) == pytest.approx([0.0, 0.0, 0.0, 3.0])
