"""Studies of kind `ending`: validation curves, where each run ended, and the epoch whose weights it kept."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.report import plots, statistics
from pipeline.report.document import Table
from pipeline.report.points import score_header, shown

NOTE = (
    "A line is one seed's run. It ends where the run ended; the mark is the epoch whose weights were kept. Where "
    "points differ only in when they end, runs of one seed go together until then: what the grey lines of the first "
    "point do from there on is what stopping missed."
)


@dataclass(frozen=True)
class Run:
    """One seed of a point. epochs: from 1; losses, scores: of validation; score: of test, None where it failed, of
    which `failed` says why."""

    study: str
    data: str
    varied: str
    metric: str
    epochs: Sequence[int]
    losses: Sequence[float]
    scores: Sequence[float]
    kept: int
    score: float | None
    seconds: float
    failed: str


def read(path: Path) -> list[Run]:
    """Runs in the order of points and seeds; none where the study was not run."""
    if not path.is_file():
        return []
    groups: dict[tuple[str, str], list[dict[str, str]]] = {}
    with path.open(newline="") as file:
        for line in csv.DictReader(file):
            groups.setdefault((line["varied"], line["seed"]), []).append(line)
    return [
        Run(
            study=lines[0]["study"],
            data=lines[0]["data"],
            varied=varied,
            metric=lines[0]["metric"],
            epochs=[int(line["epoch"]) for line in lines if line["epoch"]],
            losses=[float(line["validation_loss"]) for line in lines if line["epoch"]],
            scores=[float(line["validation"]) for line in lines if line["epoch"]],
            kept=int(lines[0]["kept"] or 0),
            score=float(lines[0]["test"]) if lines[0]["test"] else None,
            seconds=float(lines[0]["train_seconds"] or 0),
            failed="" if lines[0]["status"] == "ok" else f"seed {seed}: {lines[0]['status']}",
        )
        for (varied, seed), lines in groups.items()
    ]


def draw(path: Path, studies: Sequence[Sequence[Run]]) -> Path | None:
    """Two panels a study: validation loss and score by epoch. The first point is in grey."""
    studies = [runs for runs in studies if any(run.epochs for run in runs)]
    if not studies:
        return None
    with matplotlib.rc_context(plots.STYLE):
        figure = Figure(figsize=(9.6, 3.2 * len(studies) + 0.4), layout="constrained")
        for pair, runs in zip(figure.subplots(len(studies), 2, squeeze=False), studies, strict=True):
            metric = runs[0].metric
            for axes, values in zip(pair, ("losses", "scores"), strict=True):
                _curves(axes, runs, values)
            pair[0].set(ylabel="validation loss")
            pair[0].set_title(runs[0].study, loc="left")
            pair[1].set(ylabel=f"validation {plots.NAMES.get(metric, metric)}")
            plots.percent(pair[1], metric)
            pair[1].legend(frameon=False, fontsize=9)
        return plots.save(figure, path)


def _curves(axes: Axes, runs: Sequence[Run], values: str) -> None:
    points = list(dict.fromkeys(run.varied for run in runs))
    looks = {points[0]: ("#aaaaaa", "o"), **plots.styles(points[1:])}
    named = set()
    for run in [run for run in runs if run.epochs]:
        colour, marker = looks[run.varied]
        place = 2 + points.index(run.varied)
        curve = getattr(run, values)
        axes.plot(run.epochs, curve, color=colour, linewidth=1.3, zorder=place)
        label = None if run.varied in named else run.varied
        at = run.epochs.index(run.kept)
        axes.plot(run.kept, curve[at], color=colour, marker=marker, markersize=7, linewidth=1.3, label=label,
                  markeredgecolor="#333333", zorder=place + 0.5)  # fmt: skip
        named.add(run.varied)
    axes.set(xlabel="epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def table(study: str, runs: Sequence[Run]) -> Table:
    """Of each point the test score, and of each seed how long it ran and what it kept."""
    rows = []
    for varied in dict.fromkeys(run.varied for run in runs):
        mine = [run for run in runs if run.varied == varied]
        whole = [run for run in mine if not run.failed]
        score = statistics.summarize([run.score for run in whole if run.score is not None])
        failed = "; ".join(run.failed for run in mine if run.failed)
        rows.append(
            [
                varied + (f" FAILED: {failed}" if failed else ""),
                shown(score.mean, mine[0].metric),
                shown(score.half_width, mine[0].metric),
                str(score.n),
                ", ".join(str(run.epochs[-1]) for run in whole) or "—",
                ", ".join(str(run.kept) for run in whole) or "—",
                f"{fmean(run.seconds for run in whole):.3g}" if whole else "—",
            ]
        )
    headers = [study, score_header(runs[0].metric), "±", "n", "epochs run, by seed", "epoch kept, by seed", "train s"]
    return Table(headers, rows, f"{study}: where runs end")
