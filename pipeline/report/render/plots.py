"""The figures of rows, drawn from what `report.figures` says of them. A legend's place is taken by direct labels."""

from collections.abc import Mapping, Sequence
from itertools import product
from math import dist
from statistics import fmean
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from matplotlib.transforms import Bbox

from pipeline.results.metric import Metric

Curve = Sequence[tuple[int, list[float]]]  # (epochs done, a value a seed)


class Point(NamedTuple):
    label: str
    colour: str
    marker: str
    x: float
    y: float
    half_width: float


def learning_curves(panels: Sequence[Mapping[str, Any]], metric: Mapping[str, Any]) -> Figure:
    """Small multiples, one panel a network: mean over seeds, band from lowest to highest; the others behind in grey.

    A panel has label, colour, marker and the curves train and validation.
    """
    measure = Metric(**metric)
    columns = min(4, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(max(2.5 * columns, 4.5), 2.3 * lines + 0.5), layout="constrained")
    grid = list(figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).flat)
    for axes, panel in zip(grid, panels, strict=False):
        for other in panels:
            axes.plot(*_line(other["validation"]), color="#cccccc", linewidth=0.8, zorder=1)
        _band(axes, panel["train"], "#555555", linestyle="--", linewidth=1.2)
        every = max(1, len(panel["validation"]) // 10)
        look = {"marker": panel["marker"], "markersize": 4, "markevery": every, "linewidth": 1.8}
        _band(axes, panel["validation"], panel["colour"], **look)
        axes.set_title(panel["label"], loc="left")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        percent(axes, measure)
    _name_lines(grid[0], panels[0])
    for axes in grid[max(0, len(panels) - columns) : len(panels)]:
        axes.tick_params(labelbottom=True)  # the lowest of its column, in the last line or above a gap
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    figure.supxlabel("epoch", fontsize=10)
    figure.supylabel(measure.label, fontsize=10)
    return figure


def _name_lines(axes: Axes, panel: Mapping[str, Any]) -> None:
    """Write `train` and `validation` at the ends of the two lines, the upper one's above it."""
    ends = {name: [*zip(*_line(panel[name]), strict=True)][-1] for name in ("train", "validation")}
    for name, end in ends.items():
        shift = 7 if end[1] == max(e[1] for e in ends.values()) else -14
        axes.annotate(name, end, (0, shift), textcoords="offset points", ha="right", va="center", fontsize=9)
    axes.margins(y=0.1)


def tuning(lines: Sequence[Mapping[str, Any]], metric: Mapping[str, Any]) -> Figure:
    """Steps: whole trainings against the best validation score so far less the default's.

    A line has label, colour, marker, default and found, (trainings, best score) of each whole training.
    """
    measure = Metric(**metric)
    figure = Figure(figsize=(8.5, 4.6), layout="constrained")
    axes = figure.subplots()
    for line in lines:
        x = [0.0, *(trainings for trainings, _ in line["found"])]
        y = [0.0, *(measure.unit(max(0.0, measure.sign * (best - line["default"]))) for _, best in line["found"])]
        look = {"color": line["colour"], "marker": line["marker"], "markersize": 4, "linewidth": 1.6}
        axes.plot(x, y, drawstyle="steps-post", label=line["label"], **look)
    unit = "percentage points" if measure.percent else measure.label
    axes.set(xlabel="whole trainings spent", ylabel=f"gain on validation, {unit}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    return figure


def score_against_cost(points: Sequence[Sequence[Any]], metric: Mapping[str, Any]) -> Figure:
    """Seconds of training (log) against the test score with its 95 % interval; points: the fields of `Point`."""
    places = [Point(*point) for point in points]
    measure = Metric(**metric)
    low, high = min(point.x for point in places), max(point.x for point in places)
    figure = Figure(figsize=(6.4, 4.4) if len(places) < 8 else (9.0, 6.0), layout="constrained")
    axes = figure.subplots()
    axes.set(xscale="log", xlabel="training time, seconds (log scale)", ylabel=f"test {measure.label}")
    percent(axes, measure)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 1000 else (1,)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.margins(y=0.12)
    room = max(high / low, 4) ** 0.2  # for labels, on either side
    axes.set_xlim(low / room, high * room)
    look: dict[str, Any] = {"markersize": 7, "capsize": 3, "markeredgecolor": "#333333", "markeredgewidth": 0.6}
    for point in places:
        axes.errorbar(point.x, point.y, yerr=point.half_width, color=point.colour, marker=point.marker, **look)
    figure.draw_without_rendering()  # settles the layout: labels are placed in pixels
    direct_labels(axes, places)
    return figure


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
                path_effects=[withStroke(linewidth=2, foreground="white")],  # readable also on a bar
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


def percent(axes: Axes, metric: Metric) -> None:
    """Ticks of a metric that is a fraction in per cent."""
    if metric.percent:
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")


def _line(curve: Curve) -> tuple[list[int], list[float]]:
    return [epoch for epoch, _ in curve], [fmean(values) for _, values in curve]


def _band(axes: Axes, curve: Curve, colour: str, **look: Any) -> None:
    axes.plot(*_line(curve), color=colour, zorder=3, **look)
    low, high = [min(v) for _, v in curve], [max(v) for _, v in curve]
    axes.fill_between([epoch for epoch, _ in curve], low, high, color=colour, alpha=0.22, linewidth=0, zorder=2)
