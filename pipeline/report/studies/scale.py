"""Studies of kind `scale`: the score against the size of what is trained, as tables and as panels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pipeline.report.render.document import Block, Picture, Table, Text
from pipeline.report.render.style import styles
from pipeline.report.studies._made import Made
from pipeline.report.studies._points import AXES, Point, read, seconds, shown
from pipeline.results.metric import Metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["read"]
COLUMNS = ("metric", "value", "parameters", "training_flops")
NOTE = (
    "Every point has the budget of its data set and the recipe of the row that it varies: what was tuned for one size "
    "is used for all, so a curve that falls may ask for another recipe. Operations of training: three forward passes "
    "an item and epoch."
)
Line = list[tuple[float, float, float]]


def collect(made: Made) -> Iterator[dict[str, Any]]:
    """The score on test and the sizes of one seed."""
    parameters = made.values.get(("", "parameters"), "")
    sizes = {"parameters": parameters, "training_flops": made.training_flops}
    yield {"metric": made.metric, "value": made.score, **sizes, "status": made.reason or "ok"}


def section(data: str, studies: Mapping[str, Sequence[Point]]) -> list[Block]:
    """A picture for each axis, a table for each study."""
    every = [point for points in studies.values() for point in points]
    pictures = [picture for axis in AXES if (picture := score_against_size(data, axis, every))]
    return [Text([NOTE]), *pictures, *(table(name, points) for name, points in studies.items())]


def table(study: str, points: Sequence[Point]) -> Table:
    """The points of one study."""
    metric = points[0].metric
    rows = [
        [
            p.title,
            shown(p.score.mean, metric),
            shown(p.score.half_width, metric),
            str(p.score.n),
            *("—" if p.sizes[name] is None else f"{p.sizes[name]:.3g}" for name in AXES),
            seconds(p.seconds),
        ]
        for p in points
    ]
    headers = [points[0].model, f"test {metric.title}", "±", "n", *AXES.values(), "train s"]
    return Table(headers, rows, f"{study}: {points[0].experiment}")


def score_against_size(data: str, axis: str, points: Sequence[Point]) -> Picture | None:
    """Of studies whose sizes on this axis are counted; None where there is none."""
    lines = {s: _line(axis, [p for p in points if p.study == s]) for s in dict.fromkeys(p.study for p in points)}
    lines = {study: line for study, line in lines.items() if line}
    if not lines:
        return None
    looks, models = styles(list(lines)), {p.study: p.model for p in points}
    panels = [{"title": models[study], "look": looks[study], "line": line} for study, line in lines.items()]
    caption = f"{data}, test items, against {AXES[axis]}: mean and 95 % interval; in grey the other studies."
    drawn = {"panels": panels, "axis": axis, "metric": asdict(points[0].metric)}
    return Picture(f"score_against_{axis}_{data}", caption, f"{__name__}:draw", drawn)


def _line(axis: str, points: Sequence[Point]) -> Line:
    """(size, error rate or score, half width) of a study's points, by size."""
    line = []
    for p in points:
        if p.sizes[axis] and p.score.mean is not None:
            value = 1 - p.score.mean if _is_error(p.metric) else p.score.mean
            line.append((float(p.sizes[axis] or 0), value, p.score.half_width or 0.0))
    return sorted(line)


def _is_error(metric: Metric) -> bool:
    """Whether the error rate is drawn instead of the score: of fractions that should be 1."""
    return metric.percent and metric.sign > 0


def draw(panels: Sequence[Mapping[str, Any]], axis: str, metric: Mapping[str, Any]) -> "Figure":
    """Small multiples, one panel a study, the others behind in grey; size is logarithmic, and so is an error rate."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator

    measure, columns = Metric(**metric), min(4, len(panels))
    error, height = _is_error(measure), -(-len(panels) // columns)
    figure = Figure(figsize=(2.9 * columns, 2.5 * height + 0.5), layout="constrained")
    grid = list(figure.subplots(height, columns, sharex=True, sharey=True, squeeze=False).flat)
    for axes, panel in zip(grid, panels, strict=False):
        for other in panels:
            x, y, _ = zip(*other["line"], strict=True)
            axes.plot(x, y, color="#cccccc", linewidth=0.8, zorder=1)
        x, y, half = zip(*panel["line"], strict=True)
        colour, marker = panel["look"]
        axes.errorbar(x, y, yerr=half, color=colour, marker=marker, markersize=5, linewidth=1.8, capsize=2, zorder=3)
        axes.set(xscale="log", yscale="log" if error else "linear")
        axes.set_title(panel["title"], loc="left")
        axes.xaxis.set_major_locator(LogLocator(numticks=6))
        axes.xaxis.set_minor_locator(NullLocator())
    if error:
        grid[0].yaxis.set_major_locator(LogLocator(subs=(1, 1.2, 1.5, 2, 3, 5)))
        grid[0].yaxis.set_minor_locator(NullLocator())
        grid[0].yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    for place in range(len(panels), len(grid)):
        grid[place].set_axis_off()
        grid[place - columns].tick_params(labelbottom=True)  # the lowest of its column
    figure.supxlabel(f"{AXES[axis]} (log scale)", fontsize=10)
    figure.supylabel(f"test {'error (log scale)' if error else measure.label}", fontsize=10)
    return figure
