"""One row for every experiment and variant: the numbers of the main table, before any formatting."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from statistics import fmean
from typing import Literal

from pipeline.config.sections import Params
from pipeline.report.table import statistics
from pipeline.report.table.references import Figure, Reference, References
from pipeline.results.collect import owner
from pipeline.results.files import Result
from pipeline.results.metric import Metric, named, of_task


@dataclass
class Row:
    """The columns of comparison.csv; `None` is not applicable or not measured.

    metric: what `score` is, by the data set's task.
    """

    key: str
    experiment: str  # of a variant, the one it is made from
    data: str
    model: str
    recipe: str
    variant: str
    samples: int | None  # None: the whole training split
    training_items: int | None  # of the whole training split; None: not known
    epochs: int | None  # None: not trained in epochs
    seeds: int  # asked for
    seeds_ok: int
    status: Literal["ok", "partial", "failed", "not run"]
    reason: str
    metric: str
    refit: bool  # trained on the validation items too
    score: float | None = None
    score_std: float | None = None
    score_half_width: float | None = None  # of the 95 % interval
    score_smallest_difference: float | None = None
    macro_f1: float | None = None
    auroc: float | None = None  # area under the ROC curve, one class against the rest
    nll: float | None = None  # mean negative log likelihood, nats
    ece: float | None = None  # expected calibration error
    rmse: float | None = None
    rmse_half_width: float | None = None
    parameters: float | None = None
    flops: float | None = None
    bytes: float | None = None
    train_seconds: float | None = None
    latency_ms: float | None = None
    hardware: str = ""
    score_before: float | None = None  # variants: the float32 ONNX export of the same network
    score_change: float | None = None
    score_change_half_width: float | None = None  # 95 % interval of the differences, seed by seed
    bytes_before: float | None = None
    latency_ms_before: float | None = None
    published: float | None = None
    published_difference: float | None = None
    published_comparable: bool | None = None
    published_note: str = ""
    published_source: str = ""

    @property
    def trained_on(self) -> str:
        """`10,000 training samples`, as captions have it."""
        if self.samples is not None:
            return f"{self.samples:,} training samples"
        return f"all {self.training_items:,} training samples" if self.training_items else "all training samples"

    @property
    def measure(self) -> Metric:
        return named(self.metric)


def rows(params: Params, profile: str, results: Mapping[str, Result], references: References) -> list[Row]:
    return [_row(params, profile, key, found, references) for key, found in results.items()]


def _row(params: Params, profile: str, key: str, found: Result, references: References) -> Row:
    variant = params.variants.get(key)
    experiment = params.experiments[owner(params, key)]
    budget = params.data[experiment.data].budget[profile]
    asked = params.seeds_of(key, profile)
    metric = of_task(params.data[experiment.data].task).name
    scores = found.values(metric, "test")
    row = Row(
        key=key,
        experiment=owner(params, key),
        data=experiment.data,
        model=experiment.short,
        recipe=experiment.recipe,
        variant=" + ".join(step["method"] for step in variant.steps) if variant else "none",
        samples=None if (budget.samples or inf) >= (found.training_items or inf) else budget.samples,
        training_items=found.training_items,
        epochs=None if experiment.model.startswith("classical/") else budget.epochs,
        seeds=len(asked),
        seeds_ok=len(scores),
        status=_status(len(asked), len(scores), bool(found.scores)),
        reason=_reason(asked, scores, found),
        metric=metric,
        refit=params.data[experiment.data].split.refit,
    )
    _measure(row, found, scores)
    if variant:
        _before(row, found, scores)
    elif (published := references.of(row.data, row.model, key)) and published[1].metric == metric:
        _publish(row, *published)
    return row


def _status(asked: int, ended_well: int, ran: bool) -> Literal["ok", "partial", "failed", "not run"]:
    if not ran:
        return "not run"
    return "ok" if ended_well == asked else "partial" if ended_well else "failed"


def _reason(asked: list[int], scores: Mapping[int, float], found: Result) -> str:
    if found.stale:
        return "the results here are of other parameters"
    if not found.scores:
        return "no results of this profile here"
    failures = found.failures()
    return "; ".join(f"seed {seed}: {failures.get(seed, 'not run')}" for seed in asked if seed not in scores)


def _measure(row: Row, found: Result, scores: Mapping[int, float]) -> None:
    over = statistics.summarize(list(scores.values()))
    row.score, row.score_std, row.score_half_width = over.mean, over.std, over.half_width
    row.score_smallest_difference = over.smallest_difference
    for name in ("macro_f1", "auroc", "nll", "ece"):
        setattr(row, name, _mean(found.values(name, "test")))
    errors = statistics.summarize(list(found.values("rmse", "test").values()))
    row.rmse, row.rmse_half_width = errors.mean, errors.half_width
    for name in ("parameters", "flops", "bytes"):
        setattr(row, name, _mean(found.values(name)))
    for name in ("train_seconds", "latency_ms"):
        setattr(row, name, _mean(found.spent(name)))
    row.hardware = "; ".join(sorted({r["hardware"] for r in found.costs if r["hardware"]}))


def _before(row: Row, found: Result, scores: Mapping[int, float]) -> None:
    before = found.values(f"onnx_float32_{row.metric}", "test")
    change = statistics.summarize([scores[seed] - before[seed] for seed in scores if seed in before])
    row.score_before, row.score_change = _mean(before), change.mean
    row.score_change_half_width = change.half_width
    row.bytes_before = _mean(found.values("onnx_float32_bytes"))
    row.latency_ms_before = _mean(found.spent("onnx_float32_latency_ms"))


def _publish(row: Row, reference: Reference, figure: Figure) -> None:
    """The budget is comparable only where the profile trains on every sample that the data set has."""
    row.published, row.published_source = figure.value, reference.name
    if row.score is not None:
        row.published_difference = row.score - figure.value
    row.published_comparable = figure.comparable and row.samples is None
    limits = [] if row.samples is None else [f"ours is trained on {row.samples:,} samples only"]
    recalled = ["quoted from memory, not checked in the source"] if figure.checked == "memory" else []
    row.published_note = "; ".join([figure.note, *limits, *recalled])


def _mean(values: Mapping[int, float]) -> float | None:
    return fmean(values.values()) if values else None
