"""Where classes are of unequal size: how well each one is told, which no mean over items or classes shows."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from pipeline.report.render.document import Table
from pipeline.report.table.comparison import Row
from pipeline.report.table.tables import percent
from pipeline.results.files import Result

UNEQUAL = 2  # times the test items of the smallest class in the largest
Counts = Sequence[Sequence[int]]  # (K, K), true by predicted


def tables(rows: Sequence[Row], results: Mapping[str, Result]) -> list[Table]:
    """A line a class, a column a row of one data set; none where classes are of similar size, or no row has any."""
    told = [(row, results[row.key].confusion) for row in rows if results[row.key].confusion]
    if not told:
        return []
    sizes = [sum(line) for line in next(iter(told[0][1].values()))]
    if max(sizes) < UNEQUAL * min(sizes):
        return []
    lines = []
    for number, (name, size) in enumerate(zip(results[told[0][0].key].classes, sizes, strict=True)):
        scores = [percent(f1(found.values(), number)) if size else "—" for _, found in told]
        lines.append([name, f"{size:,}", percent(size / sum(sizes)), *scores])
    names = [
        row.key if len(found) == row.seeds else f"{row.key} ({len(found)} of {row.seeds} seeds)" for row, found in told
    ]
    caption = f"{rows[0].data}: F1 of each class in %, mean over seeds, beside how often it is in test"
    return [Table(["class", "on test", "% of test", *names], lines, caption)]


def f1(counts: Iterable[Counts], number: int) -> float:
    """Of class `number`, which has test items: harmonic mean of precision and recall, mean over tables of counts."""
    return fmean(2 * c[number][number] / (sum(c[number]) + sum(line[number] for line in c)) for c in counts)
