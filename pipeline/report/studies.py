"""Figures and tables of studies, from their lines in `studies/results` alone."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from pipeline import paths
from pipeline.params import Params
from pipeline.report import document, plots, statistics
from pipeline.report.document import Block, Heading, Picture, Table, Text

AXES = {"parameters": "trained parameters", "training_flops": "floating-point operations of training"}
NOTE = (
    "Every point has the budget of its data set and the recipe of the row that it varies: what was tuned for one size "
    "is used for all, so a curve that falls may ask for another recipe. Operations of training: three forward passes "
    "an item and epoch."
)


@dataclass(frozen=True)
class Point:
    """One variation over its seeds. sizes: by the names of AXES, None where nobody counts it."""

    study: str
    experiment: str
    data: str
    model: str
    varied: str
    metric: str
    score: statistics.Summary
    sizes: Mapping[str, float | None]
    seconds: float | None
    failed: str


def build(params: Params, root: Path = paths.ROOT) -> None:
    """Write `studies.md`, `studies.html` and a figure a data set for the active profile."""
    out = root / paths.study_reports(params.profile).relative_to(paths.ROOT)
    out.mkdir(parents=True, exist_ok=True)
    points = [
        p for name in params.studies for p in read(root / paths.study(params.profile, name).relative_to(paths.ROOT))
    ]
    blocks: list[Block] = [Heading(f"Studies, profile {params.profile}", 1), Text([NOTE])]
    for data in dict.fromkeys(p.data for p in points):
        group = [p for p in points if p.data == data]
        blocks.append(Heading(data))
        for name, label in AXES.items():
            if picture := score_against_size(out / f"score_against_{name}_{data}", name, group):
                caption = f"{data}, test items, against {label}: mean and 95 % interval; in grey the other studies."
                blocks.append(Picture(picture, caption))
        blocks += [table(name, [p for p in group if p.study == name]) for name in dict.fromkeys(p.study for p in group)]
    (out / "studies.md").write_text(document.markdown(blocks))
    (out / "studies.html").write_text(document.page(f"Studies, profile {params.profile}", blocks))


def read(path: Path) -> list[Point]:
    """Points in their order; none where the study was not run."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    by_point = {
        varied: [line for line in lines if line["varied"] == varied]
        for varied in dict.fromkeys(line["varied"] for line in lines)
    }
    return [_point(varied, group) for varied, group in by_point.items()]


def _point(varied: str, lines: Sequence[Mapping[str, str]]) -> Point:
    def mean(column: str) -> float | None:
        values = [float(line[column]) for line in lines if line[column]]
        return fmean(values) if values else None

    first = lines[0]
    return Point(
        first["study"],
        first["experiment"],
        first["data"],
        first["model"],
        varied,
        first["metric"],
        statistics.summarize([float(line["value"]) for line in lines if line["value"]]),
        {name: mean(name) for name in AXES},
        mean("train_seconds"),
        "; ".join(f"seed {line['seed']}: {line['status']}" for line in lines if line["status"] != "ok"),
    )


def table(study: str, points: Sequence[Point]) -> Table:
    """The points of one study."""
    percent = points[0].metric == "accuracy"
    scale = 100 if percent else 1

    def shown(value: float | None) -> str:
        return "—" if value is None else f"{scale * value:.{2 if percent else 3}f}"

    rows = [
        [
            p.varied + (f" FAILED: {p.failed}" if p.failed else ""),
            shown(p.score.mean),
            shown(p.score.half_width),
            str(p.score.n),
            *("—" if p.sizes[name] is None else f"{p.sizes[name]:.3g}" for name in AXES),
            "—" if p.seconds is None else f"{p.seconds:.3g}",
        ]
        for p in points
    ]
    score = f"test {'acc. %' if percent else points[0].metric}"
    return Table(
        [points[0].model, score, "±", "n", *AXES.values(), "train s"], rows, f"{study}: {points[0].experiment}"
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
