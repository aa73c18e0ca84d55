"""Figures as PNG and PDF, the same bytes for the same input: Okabe-Ito colours, distinct markers, direct labels."""

from collections.abc import Mapping, Sequence
from itertools import product
from math import dist
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from matplotlib.transforms import Bbox

from pipeline.report.comparison import Row
from pipeline.report.tidy import Record

# Okabe & Ito 2008, without yellow, which is faint on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
STYLE: Any = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "pdf.fonttype": 42,
    "axes.edgecolor": "#666666",
}
NAMES = {"r2": "R2"}  # of metrics that are not called as they are written
Styles = Mapping[str, tuple[str, str]]


class Point(NamedTuple):
    label: str
    colour: str
    marker: str
    x: float
    y: float
    half_width: float


def styles(models: Sequence[str]) -> Styles:
    """Model -> colour and marker, the same in every figure; 63 models before a pair repeats."""
    return {m: (COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]) for i, m in enumerate(dict.fromkeys(models))}


def learning_curves(
    path: Path, rows: Sequence[Row], histories: Mapping[str, list[Record]], looks: Styles
) -> Path | None:
    """Small multiples, one panel a network: mean over seeds, band from lowest to highest; the others behind in grey."""
    curves = {row.key: _curve(histories[row.key], f"validation_{row.metric}") for row in rows}
    shown = [row for row in rows if curves[row.key]]
    if not shown:
        return None
    columns = min(4, len(shown))
    lines = -(-len(shown) // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(max(2.5 * columns, 4.5), 2.3 * lines + 0.5), layout="constrained")
        grid = list(figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).flat)
        for axes, row in zip(grid, shown, strict=False):
            for other in curves.values():
                axes.plot(*_line(other), color="#cccccc", linewidth=0.8, zorder=1)
            colour, marker = looks[row.model]
            _band(axes, _curve(histories[row.key], f"train_{row.metric}"), "#555555", linestyle="--", linewidth=1.2)
            every = max(1, len(curves[row.key]) // 10)
            _band(axes, curves[row.key], colour, marker=marker, markersize=4, markevery=every, linewidth=1.8)
            axes.set_title(_label(row, rows), loc="left")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
            percent(axes, row.metric)
        _name_lines(grid[0], histories[shown[0].key], shown[0].metric)
        for axes in grid[max(0, len(shown) - columns) : len(shown)]:
            axes.tick_params(labelbottom=True)  # the lowest of its column, in the last line or above a gap
        for axes in grid[len(shown) :]:
            axes.set_axis_off()
        figure.supxlabel("epoch", fontsize=10)
        figure.supylabel(NAMES.get(shown[0].metric, shown[0].metric), fontsize=10)
        return save(figure, path)


def _name_lines(axes: Axes, history: list[Record], metric: str) -> None:
    """Write `train` and `validation` at the ends of the two lines, the upper one's above it."""
    ends = {
        name: [*zip(*_line(_curve(history, f"{name}_{metric}")), strict=True)][-1] for name in ("train", "validation")
    }
    for name, end in ends.items():
        shift = 7 if end[1] == max(e[1] for e in ends.values()) else -14
        axes.annotate(name, end, (0, shift), textcoords="offset points", ha="right", va="center", fontsize=9)
    axes.margins(y=0.1)


def score_against_cost(path: Path, rows: Sequence[Row], looks: Styles) -> Path | None:
    """Rows of one data set: seconds of training (log) against the test score with its 95 % interval."""
    points = [
        Point(_label(row, rows), *looks[row.model], row.train_seconds, row.score, row.score_half_width or 0.0)
        for row in rows
        if row.status == "ok" and row.score is not None and row.train_seconds
    ]
    if not points:
        return None
    metric = rows[0].metric
    low, high = min(point.x for point in points), max(point.x for point in points)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 4.4) if len(points) < 8 else (9.0, 6.0), layout="constrained")
        axes = figure.subplots()
        axes.set(xscale="log", xlabel="training time, seconds (log scale)", ylabel=f"test {NAMES.get(metric, metric)}")
        percent(axes, metric)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 1000 else (1,)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.margins(y=0.12)
        room = max(high / low, 4) ** 0.2  # for labels, on either side
        axes.set_xlim(low / room, high * room)
        for point in points:
            axes.errorbar(
                point.x,
                point.y,
                yerr=point.half_width,
                color=point.colour,
                marker=point.marker,
                markersize=7,
                capsize=3,
                markeredgecolor="#333333",
                markeredgewidth=0.6,
            )
        figure.draw_without_rendering()  # settles the layout: labels are placed in pixels
        direct_labels(axes, points)
        return save(figure, path)


def direct_labels(axes: Axes, points: Sequence[Point]) -> None:
    """Each label where it covers the least of points, bars and earlier labels; of equal places, the nearest.

    A label that begins nearer to another point would name that one.
    """
    taken = []
    places = [tuple(place) for place in axes.transData.transform([(point.x, point.y) for point in points])]
    for point in points:
        (x, y), (_, top) = axes.transData.transform([(point.x, point.y), (point.x, point.y + point.half_width)])
        taken += [Bbox.from_extents(x - 7, y - 7, x + 7, y + 7), Bbox.from_extents(x - 3, 2 * y - top, x + 3, top)]
    for point in sorted(points, key=lambda p: -p.y):
        tried: list[tuple[float, int, Any, Bbox]] = []
        for far, (right, up) in product((9, 18, 32, 48), product((1, -1), (0, 1, -1))):
            label = axes.annotate(
                point.label,
                (point.x, point.y),
                (far * right, far * up),
                textcoords="offset points",
                va="center",
                ha="left" if right > 0 else "right",
                fontsize=9,
                arrowprops={"arrowstyle": "-", "color": "#999999", "linewidth": 0.6} if far > 9 else None,
            )
            box = label.get_window_extent()
            outside = box.x0 < axes.bbox.x0 or box.x1 > axes.bbox.x1
            start = (box.x0 if right > 0 else box.x1, (box.y0 + box.y1) / 2)
            mistaken = min(places, key=lambda p: dist(p, start)) != places[points.index(point)]
            tried.append((sum(map(box.overlaps, taken)) + 3 * outside + 2 * mistaken, len(tried), label, box))
        best = min(tried, key=lambda place: place[:2])
        for _, _, label, _ in tried:
            if label is not best[2]:
                label.remove()
        taken.append(best[3])


def _label(row: Row, rows: Sequence[Row]) -> str:
    """The model, or the experiment's key where the data set has the model more than once."""
    return row.model if sum(r.model == row.model and r.data == row.data for r in rows) == 1 else row.key


def percent(axes: Axes, metric: str) -> None:
    """Accuracies in per cent."""
    if metric == "accuracy":
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")


def _curve(history: Sequence[Record], column: str) -> dict[int, list[float]]:
    """Epochs done -> one value a seed; what is empty, or NaN of a run that diverged, is left out."""
    curve: dict[int, list[float]] = {}
    for record in history:
        text = record.get(column, "")
        if text and float(text) == float(text):
            curve.setdefault(int(record["epoch"]) + 1, []).append(float(text))
    return dict(sorted(curve.items()))


def _line(curve: Mapping[int, list[float]]) -> tuple[list[int], list[float]]:
    return list(curve), [fmean(values) for values in curve.values()]


def _band(axes: Axes, curve: Mapping[int, list[float]], colour: str, **look: Any) -> None:
    axes.plot(*_line(curve), color=colour, zorder=3, **look)
    low, high = [min(v) for v in curve.values()], [max(v) for v in curve.values()]
    axes.fill_between(list(curve), low, high, color=colour, alpha=0.22, linewidth=0, zorder=2)


def save(figure: Figure, path: Path) -> Path:
    """`path` without suffix -> the PNG; no date and no version goes in, so equal inputs give equal bytes."""
    figure.savefig(path.with_suffix(".pdf"), metadata={"CreationDate": None, "Producer": None, "Creator": None})
    figure.savefig(png := path.with_suffix(".png"), dpi=150, metadata={"Software": None})
    return png
