"""Studies of kind `gradients`: what they are from layer to layer at the first update, and from update to update."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from math import exp, inf, isfinite, log, nan
from statistics import fmean
from typing import TYPE_CHECKING, Any

from pipeline.cells.cell import findings
from pipeline.report.render.document import Block, Picture, Table, Text
from pipeline.report.render.style import styles
from pipeline.report.studies._made import Made
from pipeline.report.studies._points import by_point
from pipeline.results import files
from pipeline.results.files import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ("update", "layer", "depth", "gradient", "activation", "ratio", "dead", "norm", "found")
NETWORKS_ONLY = True
NOTE = (
    "Root mean square of each layer's gradient at the first update, and the norm of the whole gradient at updates 1, "
    "2, 4, 8 and so on, before it is clipped; geometric means over seeds. A line ends where a seed's loss was NaN "
    "or infinite."
)
Line = list[tuple[float, float]]


@dataclass(frozen=True)
class Looked:
    """A point of a study. layers: (depth, gradient); updates: (update, norm); found: what its seeds' records name."""

    study: str
    data: str
    varied: str
    layers: Line
    updates: Line
    found: Sequence[str]


def collect(made: Made) -> Iterator[dict[str, Any]]:
    """What each look at the gradients of one seed found; one line without a look where it could not even start."""
    ending = {"found": ", ".join(findings(made.trained.result)), "status": made.trained.result["reason"] or "ok"}
    for look in files.lines(made.trained.folder / "health.csv") or [{}]:
        yield {**look, **ending}


def read(lines: Sequence[Record]) -> list[Looked]:
    """Points in their order."""
    points = []
    for varied, group in by_point(lines).items():
        first = [line for line in group if line["update"] == "1"]
        told = [text for line in group for text in (*line["found"].split(", "), line["status"].partition(" at ")[0])]
        found = [text for text in dict.fromkeys(told) if text not in ("", "ok")]
        layers, updates = _means(first, "depth", "gradient"), _means(group, "update", "norm")
        points.append(Looked(group[0]["study"], group[0]["data"], varied, layers, updates, found))
    return points


def section(data: str, studies: Mapping[str, Sequence[Looked]]) -> list[Block]:
    """A picture of all of them, a table for each."""
    return [Text([NOTE]), picture(data, list(studies.values())), *(table(n, points) for n, points in studies.items())]


def _means(lines: Sequence[Mapping[str, str]], x: str, y: str) -> Line:
    """Geometric means over seeds of column `y` by column `x`: 0 where one is 0, inf where one is not finite.

    Where a seed is missing, since its loss was NaN or infinite, the line ends.
    """
    lines = [line for line in lines if line[x]]  # without, a seed could not even start
    seeds = {line["seed"] for line in lines}
    groups: dict[float, dict[str, float]] = {}
    for line in lines:
        value = float(line[y] or inf)
        groups.setdefault(float(line[x]), {})[line["seed"]] = value if isfinite(value) else inf
    whole = takewhile(lambda group: set(group[1]) == seeds, sorted(groups.items()))
    return [(place, _geometric(list(values.values()))) for place, values in whole]


def _geometric(values: Sequence[float]) -> float:
    worst = inf if inf in values else min(values)
    return exp(fmean(map(log, values))) if 0 < worst < inf else worst


def picture(data: str, studies: Sequence[Sequence[Looked]]) -> Picture:
    panels = [
        {
            "study": points[0].study,
            "points": [{"name": p.varied, "layers": p.layers, "updates": p.updates} for p in points],
        }
        for points in studies
    ]
    caption = f"{data}: gradients from layer to layer, and from update to update."
    return Picture(f"gradients_{data}", caption, f"{__name__}:draw", {"panels": panels})


def draw(panels: Sequence[Mapping[str, Any]]) -> "Figure":
    """Two panels a study: gradients by layer, where there are more than two, and their norm by update."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9.6, 3.0 * len(panels) + 0.3), layout="constrained")
    grid = figure.subplots(len(panels), 2, squeeze=False)
    for (by_layer, by_update), panel in zip(grid, panels, strict=True):
        points = panel["points"]
        looks = styles([point["name"] for point in points])
        several = max(len(point["layers"]) for point in points) > 2
        for axes, name in ((by_layer, "layers"), (by_update, "updates")):
            for point in points if several or name == "updates" else []:
                _line(axes, point[name], *looks[point["name"]], point["name"])
            axes.set_yscale("log")
        if not several:
            by_layer.set_axis_off()  # nothing to compare from layer to layer
        by_layer.set(xlabel="layer, from the input", ylabel="gradient (root mean square, log scale)")
        by_layer.xaxis.set_major_locator(MaxNLocator(integer=True))
        by_update.set(xscale="log", xlabel="update (log scale)", ylabel="norm of the gradient (log scale)")
        by_update.set_title(panel["study"], loc="left")
        by_update.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _line(axes: "Axes", line: Line, colour: str, marker: str, label: str) -> None:
    if line:
        x, y = zip(*((x, y if 0 < y < inf else nan) for x, y in line), strict=True)  # a logarithm has no other places
        axes.plot(x, y, color=colour, marker=marker, markersize=4, linewidth=1.6, label=label)


def table(study: str, points: Sequence[Looked]) -> Table:
    """Of each point the share of the last layer's gradient in the first, the largest norm, and what was named."""
    rows = []
    for point in points:
        first, last = (point.layers[0][1], point.layers[-1][1]) if len(point.layers) > 1 else (0.0, 0.0)
        share = first / last if last and isfinite(first + last) else None
        largest = max((norm for _, norm in point.updates), default=None)
        rows.append(
            [
                point.varied,
                "—" if share is None else f"{share:.2g}",
                "—" if largest is None else f"{largest:.3g}",
                ", ".join(point.found) or "nothing",
            ]
        )
    headers = [study, "first layer / last layer", "largest norm", "named in the record"]
    return Table(headers, rows, f"{study}: gradients", words=("named in the record",))
