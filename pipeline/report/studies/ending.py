"""Studies of kind `ending`: validation curves, where each run ended, and the epoch whose weights it kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from pipeline.report.render.document import Block, Picture, Table, Text
from pipeline.report.render.style import styles
from pipeline.report.studies._made import Made
from pipeline.report.studies._points import shown
from pipeline.report.table import statistics
from pipeline.results import files
from pipeline.results.files import Record
from pipeline.results.metric import Metric, named

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ("metric", "epoch", "train_loss", "validation_loss", "validation", "kept", "test", "ended")
NETWORKS_ONLY = True
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
    metric: Metric
    epochs: Sequence[int]
    losses: Sequence[float]
    scores: Sequence[float]
    kept: int
    score: float | None
    seconds: float
    failed: str


def collect(made: Made) -> Iterator[dict[str, Any]]:
    """Each epoch of one seed, and what its run ended with; of a seed that failed a line that says so."""
    result = made.trained.result
    ending = {"metric": made.metric, "status": result.get("reason") or "ok"}
    if result["status"] != "ok":
        yield ending
        return
    ending |= {"kept": result["epochs"]["kept"], "ended": result["epochs"]["ended"] or "", "test": made.score}
    for row in files.lines(made.trained.folder / "history.csv"):
        losses = {name: row[name] for name in ("train_loss", "validation_loss")}
        curve = {"epoch": int(row["epoch"]) + 1, "validation": row[f"validation_{made.metric}"]}
        yield {**curve, **losses, **ending}


def read(lines: Sequence[Record]) -> list[Run]:
    """Runs in the order of points and seeds."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for line in lines:
        groups.setdefault((line["varied"], line["seed"]), []).append(line)
    return [
        Run(
            study=group[0]["study"],
            data=group[0]["data"],
            varied=varied,
            metric=named(group[0]["metric"]),
            epochs=[int(line["epoch"]) for line in group if line["epoch"]],
            losses=[float(line["validation_loss"]) for line in group if line["epoch"]],
            scores=[float(line["validation"]) for line in group if line["epoch"]],
            kept=int(group[0]["kept"] or 0),
            score=float(group[0]["test"]) if group[0]["test"] else None,
            seconds=float(group[0].get("train_seconds") or 0),
            failed="" if group[0]["status"] == "ok" else f"seed {seed}: {group[0]['status']}",
        )
        for (varied, seed), group in groups.items()
    ]


def section(data: str, studies: Mapping[str, Sequence[Run]]) -> list[Block]:
    """A picture of all of them, a table for each."""
    blocks: list[Block] = [Text([NOTE]), *curves(data, list(studies.values()))]
    return blocks + [table(name, runs) for name, runs in studies.items()]


def curves(data: str, studies: Sequence[Sequence[Run]]) -> list[Picture]:
    """One picture where a run has epochs, none otherwise."""
    panels = [
        {
            "study": runs[0].study,
            "runs": [
                {"name": r.varied, "epochs": r.epochs, "losses": r.losses, "scores": r.scores, "kept": r.kept}
                for r in runs
            ],
        }
        for runs in studies
        if any(run.epochs for run in runs)
    ]
    if not panels:
        return []
    caption = f"{data}: validation by epoch, where runs end, and the epochs that they keep."
    drawn = {"panels": panels, "metric": asdict(studies[0][0].metric)}
    return [Picture(f"ending_{data}", caption, f"{__name__}:draw", drawn)]


def draw(panels: Sequence[Mapping[str, Any]], metric: Mapping[str, Any]) -> "Figure":
    """Two panels a study: validation loss and score by epoch. The first point is in grey."""
    from matplotlib.figure import Figure

    from pipeline.report.render import plots

    measure = Metric(**metric)
    figure = Figure(figsize=(9.6, 3.2 * len(panels) + 0.4), layout="constrained")
    for pair, panel in zip(figure.subplots(len(panels), 2, squeeze=False), panels, strict=True):
        for axes, values in zip(pair, ("losses", "scores"), strict=True):
            _curves(axes, panel["runs"], values)
        pair[0].set(ylabel="validation loss")
        pair[0].set_title(panel["study"], loc="left")
        pair[1].set(ylabel=f"validation {measure.label}")
        plots.percent(pair[1], measure)
        pair[1].legend(frameon=False, fontsize=9)
    return figure


def _curves(axes: "Axes", runs: Sequence[Mapping[str, Any]], values: str) -> None:
    from matplotlib.ticker import MaxNLocator

    points = list(dict.fromkeys(run["name"] for run in runs))
    looks = {points[0]: ("#aaaaaa", "o"), **styles(points[1:])}
    named_before = set()
    for run in [run for run in runs if run["epochs"]]:
        colour, marker = looks[run["name"]]
        place = 2 + points.index(run["name"])
        axes.plot(run["epochs"], run[values], color=colour, linewidth=1.3, zorder=place)
        label = None if run["name"] in named_before else run["name"]
        at = run["epochs"].index(run["kept"])
        look: dict[str, Any] = {
            "color": colour,
            "marker": marker,
            "markersize": 7,
            "linewidth": 1.3,
            "markeredgecolor": "#333333",
        }
        axes.plot(run["kept"], run[values][at], label=label, zorder=place + 0.5, **look)
        named_before.add(run["name"])
    axes.set(xlabel="epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def table(study: str, runs: Sequence[Run]) -> Table:
    """Of each point the test score, and of each seed how long it ran and what it kept."""
    rows = []
    for varied in dict.fromkeys(run.varied for run in runs):
        of_point = [run for run in runs if run.varied == varied]
        whole = [run for run in of_point if not run.failed]
        score = statistics.summarize([run.score for run in whole if run.score is not None])
        failed = "; ".join(run.failed for run in of_point if run.failed)
        rows.append(
            [
                varied + (f" FAILED: {failed}" if failed else ""),
                shown(score.mean, of_point[0].metric),
                shown(score.half_width, of_point[0].metric),
                str(score.n),
                ", ".join(str(run.epochs[-1]) for run in whole) or "—",
                ", ".join(str(run.kept) for run in whole) or "—",
                f"{fmean(run.seconds for run in whole):.3g}" if whole else "—",
            ]
        )
    headers = [study, f"test {runs[0].metric.title}", "±", "n"]
    headers += ["epochs run, by seed", "epoch kept, by seed", "train s"]
    return Table(headers, rows, f"{study}: where runs end")
