"""Points of studies, read from their lines in `studies/results`."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from pipeline.report import statistics

AXES = {"parameters": "trained parameters", "training_flops": "floating-point operations of training"}


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
    by_seed: Mapping[int, float]
    sizes: Mapping[str, float | None]
    seconds: float | None
    failed: str

    @property
    def title(self) -> str:
        """What it varies, and which of its seeds failed."""
        return self.varied + (f" FAILED: {self.failed}" if self.failed else "")


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
    scores = {int(line["seed"]): float(line["value"]) for line in lines if line["value"]}
    return Point(
        first["study"],
        first["experiment"],
        first["data"],
        first["model"],
        varied,
        first["metric"],
        statistics.summarize(list(scores.values())),
        scores,
        {name: mean(name) for name in AXES},
        mean("train_seconds"),
        "; ".join(f"seed {line['seed']}: {line['status']}" for line in lines if line["status"] != "ok"),
    )


def score_header(metric: str) -> str:
    return f"test {'acc. %' if metric == 'accuracy' else metric}"


def shown(value: float | None, metric: str) -> str:
    """Accuracy in percent, other metrics as they are."""
    percent = metric == "accuracy"
    return "—" if value is None else f"{(100 if percent else 1) * value:.{2 if percent else 3}f}"
