"""Rows as tables of text: which columns, how a number is written, and the remarks that no cell has room for."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import mode

from pipeline.report.render.document import Table
from pipeline.report.table.comparison import Row
from pipeline.report.table.statistics import ALPHA, CONFIDENCE, POWER

INTERVAL = f"± is the half width of the {CONFIDENCE:.0%} interval (Student's t) of the mean over the n seeds"
MDD = (
    f"MDD, the minimum detectable difference: what two rows of this n and this row's standard deviation must differ by \
for a two-sided t test at level {ALPHA} to find it with {POWER:.0%} power"
)
NOTES = (
    f"{INTERVAL}. A seed decides initialisation, order and, where the budget is below the whole set, which training \
samples are drawn. The sampling error of the test set is not in it.",
    f"{MDD}. A smaller gap is no evidence for an order.",
    "— : no spread to judge from. There is one seed only, or every seed gave the same score: the method is \
deterministic, or the test set too small to tell the seeds apart.",
    "Choices were made on the validation split; the test split was touched once, by the weights that a run ended with, \
which are the last epoch's where its recipe does not ask for others.",
    "AUROC: area under the ROC curve of one class against the rest, mean over classes. Items are ranked by \
probabilities, or by the scores of a model that states none.",
    "RMSE: root mean squared error, in the target's units. NLL, ECE: negative log likelihood in nats and expected \
calibration error, of models that state probabilities.",
    "FLOPs: one sample forward, two to a multiply-add. Latency: median at batch size 1. Seconds: mean of seeds.",
    "* a published figure of another architecture or from more training samples than ours: not a reproduction.",
)


@dataclass(frozen=True)
class Column:
    """header: `{metric}` stands for the score's name. where: `t` terminal, `s` and `c` the score and the cost table of
    LaTeX. Markdown and HTML have all columns."""

    header: str
    text: Callable[[Row], str]
    where: str = "tsc"


EXPERIMENTS = (
    Column("experiment", lambda r: r.key),
    Column("model", lambda r: r.model, ""),
    Column("recipe", lambda r: r.recipe, "s"),
    Column("test {metric}", lambda r: score(r), "ts"),
    Column("±", lambda r: spread(r, r.score_half_width), "ts"),
    Column("n", lambda r: seeds(r), "ts"),
    Column("MDD", lambda r: spread(r, r.score_smallest_difference), "ts"),
    Column("macro F1 %", lambda r: percent(r.macro_f1), "s"),
    Column("AUROC %", lambda r: percent(r.auroc), "s"),
    Column("NLL", lambda r: significant_digits(r.nll), "s"),
    Column("ECE %", lambda r: percent(r.ece), "s"),
    Column("RMSE", lambda r: significant_digits(r.rmse), "ts"),
    Column("± RMSE", lambda r: significant_digits(r.rmse_half_width), "ts"),
    Column("parameters", lambda r: "" if r.parameters is None else f"{r.parameters:,.0f}", "tc"),
    Column("FLOPs", lambda r: scaled(r.flops), "c"),
    Column("train s", lambda r: significant_digits(r.train_seconds), "tc"),
    Column("latency ms", lambda r: significant_digits(r.latency_ms), "tc"),
    Column("size", lambda r: scaled(r.bytes, "B"), "tc"),
    Column("published", lambda r: shown(r, r.published) + "*" * (r.published_comparable is False), "ts"),
    Column("diff.", lambda r: shown(r, r.published_difference, "+"), "ts"),
    Column("source", lambda r: f"[{r.published_source}]" if r.published_source else "", "s"),
)
VARIANTS = (
    Column("variant", lambda r: r.key),
    Column("method", lambda r: r.variant),
    Column("before", lambda r: shown(r, r.score_before)),
    Column("after", lambda r: score(r)),
    Column("change", lambda r: shown(r, r.score_change, "+")),
    Column("±", lambda r: spread(r, r.score_change_half_width)),
    Column("n", lambda r: seeds(r)),
    Column("size before", lambda r: scaled(r.bytes_before, "B")),
    Column("after", lambda r: scaled(r.bytes, "B")),
    Column("ms before", lambda r: significant_digits(r.latency_ms_before)),
    Column("ms after", lambda r: significant_digits(r.latency_ms)),
)


def of(columns: Sequence[Column], rows: Sequence[Row], caption: str, where: str = "") -> Table:
    """Without the columns that say nothing here."""
    columns = [c for c in columns if where in c.where and any(map(c.text, rows))]
    cells = [[column.text(row) for column in columns] for row in rows]
    titles = " or ".join(dict.fromkeys(row.measure.title for row in rows))
    return Table(
        [column.header.format(metric=titles) for column in columns],
        cells,
        caption,
        ("model", "recipe", "method", "source"),
    )


def experiments(rows: Sequence[Row], where: str = "") -> list[Table]:
    """One a data set; its budget stands in the caption."""
    tables = []
    for data, group in by_data(row for row in rows if row.variant == "none").items():
        samples = next((row for row in group if row.training_items), group[0]).trained_on
        epochs = {f", {row.epochs} epochs" for row in group if row.epochs}
        refit = ", refitted on the validation items too: last epoch, nothing chosen" if group[0].refit else ""
        usual = mode(row.seeds for row in group)
        others = ", ".join(f"{row.key} {row.seeds}" for row in group if row.seeds != usual)
        seeded = f"{usual} seeds" + (f" ({others})" if others else "")
        caption = f"{data}: {samples}{''.join(epochs)}, {seeded}{refit}"
        tables.append(of(EXPERIMENTS, group, caption, where))
    return tables


def variants(rows: Sequence[Row]) -> list[Table]:
    compressed = [row for row in rows if row.variant != "none"]
    titles = " or ".join(dict.fromkeys(row.measure.title for row in compressed))
    caption = f"Compression, test {titles}. Before: the float32 ONNX export of the same network; ± is of the change, \
paired by seed"
    return [of(VARIANTS, compressed, caption)] if compressed else []


def remarks(rows: Sequence[Row]) -> list[str]:
    """Why a seed failed, and how to get a row that is not here."""
    failed = [f"{row.key} FAILED: {row.reason}" for row in rows if row.status in ("failed", "partial")]
    missing = [
        f"{r.key} was not run here: `make repro EXPERIMENT={r.experiment}`" for r in rows if r.status == "not run"
    ]
    hint = ["Results made on another machine come in with `make import-cells FROM=folder`."] if missing else []
    return failed + missing + hint


def by_data(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.data, []).append(row)
    return groups


def score(row: Row) -> str:
    """Never a bare mean of survivors."""
    if row.status in ("failed", "not run"):
        return {"failed": "FAILED", "not run": "not run here"}[row.status]
    return shown(row, row.score) + (f" ({row.seeds_ok} of {row.seeds} seeds)" if row.status == "partial" else "")


def seeds(row: Row) -> str:
    return "" if row.status == "not run" else f"{row.seeds_ok} of {row.seeds}"


def spread(row: Row, value: float | None) -> str:
    return shown(row, value) if value is not None else "—" if row.score is not None else ""


def shown(row: Row, value: float | None, sign: str = "") -> str:
    """A value of the row's metric, in the unit that its header names."""
    return row.measure.shown(value, sign)


def percent(value: float | None) -> str:
    return "" if value is None else format(100 * value, ".2f")


def significant_digits(value: float | None) -> str:
    """Three of them, without exponent down to 0.0001."""
    return "" if value is None else f"{value:,.0f}" if value >= 99.5 else f"{value:.3g}"


def scaled(value: float | None, unit: str = "") -> str:
    if value is None:
        return ""
    power = sum(value >= 1000**p for p in (1, 2, 3, 4))
    return f"{significant_digits(value / 1000**power)} {' kMGT'[power].strip()}{unit}".strip()
