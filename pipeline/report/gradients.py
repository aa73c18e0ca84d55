"""Studies of kind `gradients`: what they are from layer to layer at the first update, and from update to update."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from math import exp, inf, isfinite, log, nan
from pathlib import Path
from statistics import fmean

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.report import plots
from pipeline.report.document import Table

NOTE = (
    "Root mean square of each layer's gradient at the first update, and the norm of the whole gradient at updates 1, "
    "2, 4, 8 and so on, before it is clipped; geometric means over seeds. A line ends where a seed's loss was no "
    "number any more."
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


def read(path: Path) -> list[Looked]:
    """Points in their order; none where the study was not run."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    points = []
    for varied in dict.fromkeys(line["varied"] for line in lines):
        mine = [line for line in lines if line["varied"] == varied]
        first = [line for line in mine if line["update"] == "1"]
        told = [text for line in mine for text in (*line["found"].split(", "), line["status"].partition(" at ")[0])]
        found = [text for text in dict.fromkeys(told) if text not in ("", "ok")]
        points.append(
            Looked(
                mine[0]["study"], mine[0]["data"], varied, _means(first, "depth", "gradient"),
                _means(mine, "update", "norm"), found,
            )
        )  # fmt: skip
    return points


def _means(lines: Sequence[Mapping[str, str]], x: str, y: str) -> Line:
    """Geometric means over seeds of column `y` by column `x`: 0 where one is 0, inf where one is no finite number.

    Where a seed is missing, since its loss was no number any more, the line ends.
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


def draw(path: Path, studies: Sequence[Sequence[Looked]]) -> Path | None:
    """Two panels a study: gradients by layer, where there are more than two, and their norm by update."""
    studies = [points for points in studies if points]
    if not studies:
        return None
    with matplotlib.rc_context(plots.STYLE):
        figure = Figure(figsize=(9.6, 3.0 * len(studies) + 0.3), layout="constrained")
        grid = figure.subplots(len(studies), 2, squeeze=False)
        for (by_layer, by_update), points in zip(grid, studies, strict=True):
            looks = plots.styles([point.varied for point in points])
            several = max(len(point.layers) for point in points) > 2
            for axes, name in ((by_layer, "layers"), (by_update, "updates")):
                for point in points if several or name == "updates" else []:
                    _line(axes, getattr(point, name), *looks[point.varied], point.varied)
                axes.set_yscale("log")
            if not several:
                by_layer.set_axis_off()  # nothing to compare from layer to layer
            by_layer.set(xlabel="layer, from the input", ylabel="gradient (root mean square, log scale)")
            by_layer.xaxis.set_major_locator(MaxNLocator(integer=True))
            by_update.set(xscale="log", xlabel="update (log scale)", ylabel="norm of the gradient (log scale)")
            by_update.set_title(points[0].study, loc="left")
            by_update.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
        return plots.save(figure, path)


def _line(axes: Axes, line: Line, colour: str, marker: str, label: str) -> None:
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
