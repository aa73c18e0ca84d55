"""Studies of kind `ablation`: every point against the first, paired by seed, as a table and as intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pipeline.report.render.document import Block, Picture, Table, Text
from pipeline.report.studies._points import Point, read, seconds, shown
from pipeline.report.studies.scale import COLUMNS, collect
from pipeline.report.table import statistics
from pipeline.report.table.statistics import ALPHA, Difference
from pipeline.results.metric import Metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLUMNS", "collect", "read"]
NOTE = (
    "Compared with the first line of its table: mean difference over seeds, its 95 % interval, and the p value of a "
    "paired t test, corrected for the number of comparisons in the table (Holm). Budgets are equal where no name "
    "says otherwise."
)
Compared = list[tuple[Point, Difference, float | None]]


def section(data: str, studies: Mapping[str, Sequence[Point]]) -> list[Block]:
    """A picture of all of them; a sentence and a table for each."""
    blocks: list[Block] = [Text([NOTE]), *intervals(data, list(studies.values()))]
    for name, points in studies.items():
        blocks += [summary(name, points), table(name, points)]
    return blocks


def compared(points: Sequence[Point]) -> Compared:
    """(point, its difference from the first, corrected p) of every other point."""
    first, *others = points
    differences = [statistics.paired(point.by_seed, first.by_seed) for point in others]
    return list(zip(others, differences, statistics.holm([d.p for d in differences]), strict=True))


def table(study: str, points: Sequence[Point]) -> Table:
    first, metric = points[0], points[0].metric
    rows = [[first.title, shown(first.score.mean, metric), shown(first.score.half_width, metric), str(first.score.n)]]
    rows[0] += ["", "", "", "", seconds(first.seconds)]
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
                verdict(difference, p, metric),
                seconds(point.seconds),
            ]
        )
    headers = [first.model, f"test {metric.title}", "±", "n", "diff.", "± diff.", "p (Holm)", "verdict", "train s"]
    return Table(headers, rows, f"{study}: {first.experiment}", words=("verdict",))


def verdict(difference: Difference, p: float | None, metric: Metric) -> str:
    """In words: whether the test calls it better or worse than the first."""
    if not difference.n:
        return "no seed to compare"
    if p is None or difference.mean is None or p > ALPHA:
        return "no difference shown"
    return "better" if difference.mean * metric.sign > 0 else "worse"


def summary(study: str, points: Sequence[Point]) -> Text:
    """A sentence on what the test finds, and what it does not."""
    found: dict[str, list[str]] = {"better": [], "worse": []}
    for point, difference, p in compared(points):
        found.setdefault(verdict(difference, p, point.metric), []).append(point.varied)
    parts = [f"{words}: {', '.join(names)}" for words, names in found.items() if names]
    return Text([f"`{study}`, against {points[0].varied}: {'; '.join(parts)}."])


def intervals(data: str, studies: Sequence[Sequence[Point]]) -> list[Picture]:
    """One picture where a study has seeds to compare, none otherwise."""
    panels = []
    for points in studies:
        found = [(point.varied, d.mean, d.half_width, p) for point, d, p in compared(points) if d.n]
        if found:
            panels.append({"title": f"{points[0].study}\nagainst {points[0].varied}", "points": found})
    if not panels:
        return []
    caption = f"{data}, test items: differences from the first point of each study."
    drawn = {"panels": panels, "metric": asdict(studies[0][0].metric)}
    return [Picture(f"ablation_{data}", caption, f"{__name__}:draw", drawn)]


def draw(panels: Sequence[Mapping[str, Any]], metric: Mapping[str, Any]) -> "Figure":
    """A panel a study: differences with their 95 % intervals, a line at none; filled where the test calls it one."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    measure, columns = Metric(**metric), min(3, len(panels))
    lines = -(-len(panels) // columns)
    longest = [max(len(p["points"]) for p in panels[n : n + columns]) for n in range(0, len(panels), columns)]
    heights = [0.32 * count + 1.2 for count in longest]
    figure = Figure(figsize=(4.4 * columns, sum(heights) + 0.3), layout="constrained")
    grid = list(figure.subplots(lines, columns, squeeze=False, height_ratios=heights).flat)
    for axes, panel in zip(grid, panels, strict=False):
        axes.axvline(0, color="#999999", linewidth=0.8, zorder=1)
        for place, (_, mean, half, p) in enumerate(panel["points"]):
            sure = p is not None and p <= ALPHA
            colour = "#00558c" if sure else "#777777"
            look = {"color": colour, "markerfacecolor": colour if sure else "white", "marker": "o", "markersize": 5}
            x, error = measure.unit(mean or 0.0), measure.unit(half or 0.0)
            axes.errorbar(x, -place, xerr=error, capsize=2, zorder=3, **look)
        axes.set_yticks([-place for place in range(len(panel["points"]))], [name for name, *_ in panel["points"]])
        axes.set_title(panel["title"], loc="left", fontsize=10)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.margins(y=0.12)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    unit = f"{measure.label}, percentage points" if measure.percent else measure.label
    figure.supxlabel(f"difference in test {unit} (filled: p at most {ALPHA:g} after correction)", fontsize=10)
    return figure
