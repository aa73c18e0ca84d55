"""What the figures of rows show, as data: `render.plots` draws it, in processes of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import inf
from typing import Any

from pipeline.report.render.document import Picture
from pipeline.report.render.style import Styles
from pipeline.report.table.comparison import Row
from pipeline.results.files import Record

PLOTS = "pipeline.report.render.plots"
MOST = 24  # networks that a picture has room for


def learning_curves(
    data: str, rows: Sequence[Row], histories: Mapping[str, list[Record]], looks: Styles
) -> list[Picture]:
    """One picture where a network of the data set has a history, none otherwise."""
    panels = []
    trained = [row for row in rows if histories[row.key]]
    for row in _best(trained):
        colour, marker = looks[row.model]
        curves = {name: _curve(histories[row.key], f"{name}_{row.metric}") for name in ("train", "validation")}
        if curves["validation"]:
            panels.append({"label": _label(row, rows), "colour": colour, "marker": marker, **curves})
    if not panels:
        return []
    caption = f"Learning curves on {data}: validation (colour) and training (dashed), mean over seeds, \
band from the lowest to the highest seed; thin lines are the other models' validation.{_left_out(trained)}"
    drawn = {"panels": panels, "metric": asdict(rows[0].measure)}
    return [Picture(f"learning_curves_{data}", caption, f"{PLOTS}:learning_curves", drawn)]


def score_against_cost(data: str, rows: Sequence[Row], looks: Styles) -> list[Picture]:
    """One picture where a row has all its seeds, none otherwise."""
    whole = [row for row in rows if row.status == "ok" and row.train_seconds]
    points: list[list[Any]] = [
        [_label(row, rows), *looks[row.model], row.train_seconds, row.score, row.score_half_width or 0.0]
        for row in _best(whole)
        if row.score is not None and row.train_seconds
    ]
    if not points:
        return []
    caption = f"Test score on {data}, mean and 95% interval, against training time; rows with a failed seed left out.\
{_left_out(whole)}"
    drawn = {"points": points, "metric": asdict(rows[0].measure)}
    return [Picture(f"score_against_cost_{data}", caption, f"{PLOTS}:score_against_cost", drawn)]


def _best(rows: Sequence[Row]) -> list[Row]:
    """In their order; where they are too many, those with the best test score."""
    ranked = sorted(rows, key=lambda row: -inf if row.score is None else row.measure.sign * row.score, reverse=True)
    chosen = {row.key for row in ranked[:MOST]}
    return [row for row in rows if row.key in chosen]


def _left_out(rows: Sequence[Row]) -> str:
    return f" Of {len(rows)} rows the {MOST} best are shown." if len(rows) > MOST else ""


def _label(row: Row, rows: Sequence[Row]) -> str:
    """The model, or the experiment's key where the data set has the model more than once."""
    return row.model if sum(r.model == row.model and r.data == row.data for r in rows) == 1 else row.key


def _curve(history: Sequence[Record], column: str) -> list[tuple[int, list[float]]]:
    """(epochs done, one value a seed); what is empty, or NaN of a run that diverged, is left out."""
    curve: dict[int, list[float]] = {}
    for record in history:
        text = record.get(column, "")
        if text and float(text) == float(text):
            curve.setdefault(int(record["epoch"]) + 1, []).append(float(text))
    return sorted(curve.items())
