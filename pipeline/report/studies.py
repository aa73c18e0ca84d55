"""Figures and tables of studies, from their lines in `studies/results` alone."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import matplotlib
from matplotlib.axes import Axes
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
        caption = f"Score on the test items of {data} against size: mean over seeds and 95 % interval, a line a study."
        blocks += [Heading(data), Picture(score_against_size(out / f"score_against_size_{data}", group), caption)]
        blocks += [table(name, [p for p in group if p.study == name]) for name in dict.fromkeys(p.study for p in group)]
    (out / "studies.md").write_text(document.markdown(blocks))
    (out / "studies.html").write_text(document.page(f"Studies, profile {params.profile}", blocks))


def read(path: Path) -> list[Point]:
    """Points in their order; none where the study was not run."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    by_point = {varied: [line for line in lines if line["varied"] == varied] for varied in _each(lines, "varied")}
    return [_point(varied, group) for varied, group in by_point.items()]


def _each(lines: Iterable[Mapping[str, str]], column: str) -> dict[str, None]:
    return dict.fromkeys(line[column] for line in lines)


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


def score_against_size(path: Path, points: Sequence[Point]) -> Path:
    """Two panels, parameters and operations of training, both logarithmic: a line a study through its points."""
    looks = plots.styles(list(dict.fromkeys(p.study for p in points)))
    with matplotlib.rc_context(plots.STYLE):
        figure = Figure(figsize=(12.5, 6.0), layout="constrained")
        panels = figure.subplots(1, len(AXES), sharey=True)
        for axes, label in zip(panels, AXES.values(), strict=True):
            axes.set(xscale="log", xlabel=f"{label} (log scale)")
            axes.xaxis.set_major_locator(LogLocator(numticks=12))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.margins(x=0.12)
        metric = points[0].metric
        panels[0].set_ylabel(f"test {plots.NAMES.get(metric, metric)}")
        plots.percent(panels[0], metric)
        drawn = [_draw(axes, name, points, looks) for axes, name in zip(panels, AXES, strict=True)]
        figure.draw_without_rendering()  # settles the layout: labels are placed in pixels
        for axes, marks in zip(panels, drawn, strict=True):
            plots.direct_labels(axes, marks)
        return plots.save(figure, path)


def _draw(axes: Axes, name: str, points: Sequence[Point], looks: plots.Styles) -> list[plots.Point]:
    """The lines of one panel; of each its marks, the largest one named after the model."""
    marks: list[plots.Point] = []
    for study, (colour, marker) in looks.items():
        line = [
            plots.Point("", colour, marker, size, p.score.mean, p.score.half_width or 0.0)
            for p in points
            if p.study == study and (size := p.sizes[name]) and p.score.mean is not None
        ]
        if line:
            line.sort(key=lambda mark: mark.x)
            model = next(p.model for p in points if p.study == study)
            axes.errorbar(
                [mark.x for mark in line],
                [mark.y for mark in line],
                yerr=[mark.half_width for mark in line],
                color=colour,
                marker=marker,
                markersize=6,
                linewidth=1.4,
                capsize=2,
                elinewidth=0.8,
                markeredgecolor="#333333",
                markeredgewidth=0.5,
            )
            marks += [*line[:-1], line[-1]._replace(label=model)]
    return marks
