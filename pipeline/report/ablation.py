"""Studies of kind `ablation`: every point against the first, paired by seed, as a table and as intervals."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.report import plots, statistics
from pipeline.report.document import Table, Text
from pipeline.report.points import Point, score_header, shown
from pipeline.report.statistics import ALPHA, Difference

NOTE = (
    "Compared with the first line of its table: mean difference over seeds, its 95 % interval, and the p value of a "
    "paired t test, corrected for the number of comparisons in the table (Holm). Budgets are equal where no name "
    "says otherwise."
)
Compared = list[tuple[Point, Difference, float | None]]


def compared(points: Sequence[Point]) -> Compared:
    """(point, its difference from the first, corrected p) of every other point."""
    first, *others = points
    differences = [statistics.paired(point.by_seed, first.by_seed) for point in others]
    return list(zip(others, differences, statistics.holm([d.p for d in differences]), strict=True))


def table(study: str, points: Sequence[Point]) -> Table:
    first, metric = points[0], points[0].metric
    rows = [[first.title, shown(first.score.mean, metric), shown(first.score.half_width, metric), str(first.score.n)]]
    rows[0] += ["", "", "", "", _seconds(first)]
    for point, difference, p in compared(points):
        mean = shown(difference.mean, metric)
        rows.append(
            [
                point.title,
                shown(point.score.mean, metric),
                shown(point.score.half_width, metric),
                str(point.score.n),
                f"+{mean}" if (difference.mean or 0) > 0 else mean,
                shown(difference.half_width, metric),
                "—" if p is None else f"{p:.3f}",
                verdict(difference, p),
                _seconds(point),
            ]
        )
    headers = [first.model, score_header(metric), "±", "n", "diff.", "± diff.", "p (Holm)", "verdict", "train s"]
    return Table(headers, rows, f"{study}: {first.experiment}", words=("verdict",))


def verdict(difference: Difference, p: float | None) -> str:
    """In words: whether the test calls it better or worse than the first."""
    if not difference.n:
        return "no seed to compare"
    if p is None or difference.mean is None or p > ALPHA:
        return "no difference shown"
    return "better" if difference.mean > 0 else "worse"


def summary(study: str, points: Sequence[Point]) -> Text:
    """A sentence on what the test finds, and what it does not."""
    found: dict[str, list[str]] = {"better": [], "worse": []}
    for point, difference, p in compared(points):
        found.setdefault(verdict(difference, p), []).append(point.varied)
    parts = [f"{words}: {', '.join(names)}" for words, names in found.items() if names]
    return Text([f"`{study}`, against {points[0].varied}: {'; '.join(parts)}."])


def intervals(path: Path, studies: Sequence[Sequence[Point]]) -> Path | None:
    """A panel a study: differences with their 95 % intervals, a line at none; filled where the test calls it one."""
    panels = [(points, found) for points in studies if (found := [c for c in compared(points) if c[1].n])]
    if not panels:
        return None
    metric = panels[0][0][0].metric
    scale = 100 if metric == "accuracy" else 1
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    heights = [0.32 * max(len(f) for _, f in panels[n : n + columns]) + 1.2 for n in range(0, len(panels), columns)]
    with matplotlib.rc_context(plots.STYLE):
        figure = Figure(figsize=(4.4 * columns, sum(heights) + 0.3), layout="constrained")
        grid = list(figure.subplots(lines, columns, squeeze=False, height_ratios=heights).flat)
        for axes, (points, found) in zip(grid, panels, strict=False):
            axes.axvline(0, color="#999999", linewidth=0.8, zorder=1)
            for place, (_, difference, p) in enumerate(found):
                sure = p is not None and p <= ALPHA
                colour = "#00558c" if sure else "#777777"
                axes.errorbar(
                    scale * (difference.mean or 0.0),
                    -place,
                    xerr=scale * (difference.half_width or 0.0),
                    color=colour,
                    marker="o",
                    markersize=5,
                    markerfacecolor=colour if sure else "white",
                    capsize=2,
                    zorder=3,
                )
            axes.set_yticks([-place for place in range(len(found))], [point.varied for point, _, _ in found])
            axes.set_title(f"{points[0].study}\nagainst {points[0].varied}", loc="left", fontsize=10)
            axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
            axes.margins(y=0.12)
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        unit = "accuracy, percentage points" if metric == "accuracy" else plots.NAMES.get(metric, metric)
        figure.supxlabel(f"difference in test {unit} (filled: p at most {ALPHA:g} after correction)", fontsize=10)
        return plots.save(figure, path)


def _seconds(point: Point) -> str:
    return "—" if point.seconds is None else f"{point.seconds:.3g}"
