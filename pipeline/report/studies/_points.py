"""Points of studies whose seeds have one score each: their means, and how they are written."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from pipeline.report.table import statistics
from pipeline.results.files import Record
from pipeline.results.metric import Metric, named

AXES = {"parameters": "trained parameters", "training_flops": "floating-point operations of training"}


@dataclass(frozen=True)
class Point:
    """One variation over its seeds. sizes: by the names of AXES, None where it is not counted."""

    study: str
    experiment: str
    data: str
    model: str
    varied: str
    metric: Metric
    score: statistics.Summary
    by_seed: Mapping[int, float]
    sizes: Mapping[str, float | None]
    seconds: float | None
    failed: str

    @property
    def title(self) -> str:
        """What it varies, and which of its seeds failed."""
        return self.varied + (f" FAILED: {self.failed}" if self.failed else "")


def by_point(lines: Iterable[Record]) -> dict[str, list[Record]]:
    """Lines of each point, in the order of the points."""
    groups: dict[str, list[Record]] = {}
    for line in lines:
        groups.setdefault(line["varied"], []).append(line)
    return groups


def read(lines: Sequence[Record]) -> list[Point]:
    """Points in their order."""
    return [_point(varied, group) for varied, group in by_point(lines).items()]


def _point(varied: str, lines: Sequence[Record]) -> Point:
    def mean(column: str) -> float | None:
        values = [float(line[column]) for line in lines if line.get(column)]
        return fmean(values) if values else None

    first = lines[0]
    scores = {int(line["seed"]): float(line["value"]) for line in lines if line["value"]}
    return Point(
        study=first["study"],
        experiment=first["experiment"],
        data=first["data"],
        model=first["model"],
        varied=varied,
        metric=named(first["metric"]),
        score=statistics.summarize(list(scores.values())),
        by_seed=scores,
        sizes={name: mean(name) for name in AXES},
        seconds=mean("train_seconds"),
        failed="; ".join(f"seed {line['seed']}: {line['status']}" for line in lines if line["status"] != "ok"),
    )


def shown(value: float | None, metric: Metric) -> str:
    """A value of the metric, a dash for none."""
    return metric.shown(value, none="—")


def seconds(value: float | None) -> str:
    return "—" if value is None else f"{value:.3g}"
