"""How well each class is told, from tables of counts."""

import pytest
from sklearn.metrics import f1_score

from pipeline.report.table import classes, comparison
from pipeline.report.table.references import References
from pipeline.results.files import Result
from tests.report.conftest import parameters
from tests.sources import ROOT

NAMES = ["rare", "usual", "absent"]
COUNTS = {0: [[5, 5, 0], [10, 80, 0], [0, 0, 0]], 1: [[8, 2, 0], [0, 89, 1], [0, 0, 0]]}


def tables(**confusions: dict[int, list[list[int]]]) -> list[classes.Table]:
    found = {key: Result(classes=NAMES, confusion=counts) for key, counts in confusions.items()}
    return classes.tables(comparison.rows(parameters(), "laptop", found, References(ROOT / "references")), found)


def test_each_class_has_its_items_and_its_f1() -> None:
    (table,) = tables(digits_mlp=COUNTS, digits_svm=COUNTS | {2: COUNTS[1]})
    assert table.headers == ["class", "on test", "% of test", "digits_mlp (2 of 3 seeds)", "digits_svm"]
    assert [line[:3] for line in table.rows] == [
        ["rare", "10", "10.00"],
        ["usual", "90", "90.00"],
        ["absent", "0", "0.00"],
    ]
    assert table.rows[2][3:] == ["—", "—"]
    y = [0] * 10 + [1] * 90
    predicted = ([0] * 5 + [1] * 5 + [0] * 10 + [1] * 80, [0] * 8 + [1] * 2 + [1] * 89 + [2])
    peers = sum(f1_score(y, p, average=None, labels=[0, 1, 2], zero_division=0.0)[:2] for p in predicted) / 2
    assert [float(line[3]) for line in table.rows[:2]] == pytest.approx(100 * peers, abs=0.005)


def test_classes_of_similar_size_and_rows_of_numbers_have_none() -> None:
    similar = {0: [[19, 0, 0], [5, 5, 0], [0, 0, 12]]}
    assert tables(digits_mlp=similar) == [] and tables(digits_mlp={}) == []
    assert len(tables(digits_mlp={0: [[20, 0, 0], [5, 5, 0], [0, 0, 12]]})) == 1
