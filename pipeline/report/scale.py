"""Studies of kind `scale`: the score against the size of what is trained, as tables and as panels."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from pipeline.report import plots
from pipeline.report.document import Table
from pipeline.report.points import AXES, Point, score_header, shown

NOTE = (
    "Every point has the budget of its data set and the recipe of the row that it varies: what was tuned for one size "
    "is used for all, so a curve that falls may ask for another recipe. Operations of training: three forward passes "
    "an item and epoch."
)


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
            "—" if p.seconds is None else f"{p.seconds:.3g}",
        ]
        for p in points
    ]
    return Table(
        [points[0].model, score_header(metric), "±", "n", *AXES.values(), "train s"],
        rows,
        f"{study}: {points[0].experiment}",
    )


def score_against_size(path: Path, name: str, points: Sequence[Point]) -> Path | None:
    """Small multiples, one panel a study, the others behind in grey; size is logarithmic, and so is an error rate."""
    lines = {
        study: _line(name, [p for p in points if p.study == study]) for study in dict.fromkeys(p.study for p in points)
    }
    lines = {study: line for study, line in lines.items() if line}
    if not lines:
        return None
    looks, metric = plots.styles(list(lines)), points[0].metric
    columns = min(4, len(lines))
    with matplotlib.rc_context(plots.STYLE):
        figure = Figure(figsize=(2.9 * columns, 2.5 * -(-len(lines) // columns) + 0.5), layout="constrained")
        grid = list(figure.subplots(-(-len(lines) // columns), columns, sharex=True, sharey=True, squeeze=False).flat)
        for axes, (study, line) in zip(grid, lines.items(), strict=False):
            for other in lines.values():
                axes.plot([x for x, _, _ in other], [y for _, y, _ in other], color="#cccccc", linewidth=0.8, zorder=1)
            x, y, half = zip(*line, strict=True)
            colour, marker = looks[study]
            axes.errorbar(
                x, y, yerr=half, color=colour, marker=marker, markersize=5, linewidth=1.8, capsize=2, zorder=3
            )
            axes.set(xscale="log", yscale="log" if metric == "accuracy" else "linear")
            axes.set_title(next(p.model for p in points if p.study == study), loc="left")
            axes.xaxis.set_major_locator(LogLocator(numticks=6))
            axes.xaxis.set_minor_locator(NullLocator())
        if metric == "accuracy":
            grid[0].yaxis.set_major_locator(LogLocator(subs=(1, 1.2, 1.5, 2, 3, 5)))
            grid[0].yaxis.set_minor_locator(NullLocator())
            grid[0].yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        for place in range(len(lines), len(grid)):
            grid[place].set_axis_off()
            grid[place - columns].tick_params(labelbottom=True)  # the lowest of its column
        figure.supxlabel(f"{AXES[name]} (log scale)", fontsize=10)
        label = "error (log scale)" if metric == "accuracy" else plots.NAMES.get(metric, metric)
        figure.supylabel(f"test {label}", fontsize=10)
        return plots.save(figure, path)


def _line(name: str, points: Sequence[Point]) -> list[tuple[float, float, float]]:
    """(size, error rate or score, half width) of a study's points, by size."""
    line = []
    for p in points:
        if p.sizes[name] and p.score.mean is not None:
            shown = 1 - p.score.mean if p.metric == "accuracy" else p.score.mean
            line.append((float(p.sizes[name] or 0), shown, p.score.half_width or 0.0))
    return sorted(line)
