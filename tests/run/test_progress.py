"""How far a run is, as it is told."""

from pathlib import Path

import pytest

from pipeline.cells.cell import Cell
from pipeline.introspection import Strict
from pipeline.run.durations import format_duration
from pipeline.run.executors.contract import CellOutcome
from pipeline.run.progress import Progress


def cells(count: int) -> list[Cell]:
    made = [Cell("train", "entry", Strict(), Path(), f"row{number}") for number in range(count)]
    for cell in made:
        cell.__dict__["key"] = cell.experiment
    return made


def test_time_left_is_of_what_is_left_side_by_side_and_learns_from_what_was() -> None:
    rows = cells(4)
    progress = Progress(rows, lambda _: 100.0, slots=2)
    assert str(progress) == "[0/4, 3 min left]" and progress.seconds_left == 200.0
    progress.count(CellOutcome(rows[0], None, 200.0))  # twice as long as estimated
    assert progress.seconds_left == 300.0
    for row in rows[1:]:
        progress.count(CellOutcome(row, None, 200.0))
    assert str(progress) == "[4/4]"


def test_it_is_never_shorter_than_the_longest_cell_and_unknown_where_nothing_is_known() -> None:
    first, second = cells(2)
    known = {id(first): 90.0, id(second): 10.0}
    assert Progress([first, second], lambda c: known[id(c)], slots=8).seconds_left == 90.0
    unknown = Progress([first, second], lambda _: None, slots=8)
    assert unknown.seconds_left is None and str(unknown) == "[0/2]"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(40.2, "40 s"), (89, "89 s"), (360, "6 min"), (12_600, "3.5 h"), (float("inf"), "an unknown time")],
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert format_duration(seconds) == said
