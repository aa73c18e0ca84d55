"""Rows that a search has tuned, beside those that they were tuned from; and what each search came to as it went on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pipeline.report.render.document import Block, Picture, Table
from pipeline.report.render.style import Styles
from pipeline.report.table import statistics, tables
from pipeline.report.table.comparison import Row
from pipeline.results.files import Record, Result

SUFFIX = "_tuned"  # of what `make promote` adds
HEADERS = ["experiment", "test {metric}", "tuned", "change", "±", "n", "p"]


def comparison(data: str, rows: Sequence[Row], results: Mapping[str, Result]) -> list[Table]:
    """Of the rows of one data set; nothing where none is tuned.

    Differences are paired by seed, of seeds that no search used; p of Student's t test, corrected by Holm.
    """
    known = {row.key: row for row in rows}
    pairs = [(known[row.key.removesuffix(SUFFIX)], row) for row in rows if row.key.removesuffix(SUFFIX) in known]
    pairs = [(default, row) for default, row in pairs if default is not row]
    if not pairs:
        return []
    found = [
        statistics.paired(*(results[row.key].values(row.metric, "test") for row in (tuned, default)))
        for default, tuned in pairs
    ]
    corrected = statistics.holm([difference.p for difference in found])
    lines = [
        [
            default.key,
            tables.score(default),
            tables.score(tuned),
            tables.shown(tuned, difference.mean, "+"),
            tables.spread(tuned, difference.half_width),
            str(difference.n),
            "—" if p is None else f"{p:.3f}",
        ]
        for (default, tuned), difference, p in zip(pairs, found, corrected, strict=True)
    ]
    caption = (
        f"{data}: recipes as they are, and tuned by a search on validation. Change: mean over n seeds, none of which a "
        f"search used, ± half width of its {statistics.CONFIDENCE:.0%} interval; p: paired t test by seed"
    )
    caption += f", corrected for {len(pairs)} comparisons (Holm 1979)" if len(pairs) > 1 else ""
    titles = " or ".join(dict.fromkeys(row.measure.title for _, row in pairs))
    return [Table([header.format(metric=titles) for header in HEADERS], lines, caption)]


def curves(data: str, rows: Sequence[Row], trials: Mapping[str, list[Record]], looks: Styles) -> list[Picture]:
    """The best trial so far by what was trained, a line a search; nothing where none is kept.

    trials: lines of a search's file by row, see `pipeline/search/record.py`.
    """
    lines: list[dict[str, Any]] = []
    for row in (row for row in rows if trials.get(row.key)):
        colour, marker = looks[row.model]
        whole = [trial for trial in trials[row.key] if trial["state"] == "whole"]
        spent = sorted((float(trial["trainings"]), float(trial["value"])) for trial in whole)
        default = next((float(t["value"]) for t in trials[row.key] if t["state"] == "default"), None)
        if spent and default is not None:
            lines.append(
                {"label": row.key, "colour": colour, "marker": marker, "default": default, "found": _best(spent)}
            )
    if not lines:
        return []
    caption = (
        f"Searches on {data}: the best validation score of a whole training so far, less the default's, by what was "
        "trained. A gain on validation is partly luck: the test split says what is left of it"
    )
    drawn = {"lines": lines, "metric": asdict(rows[0].measure)}
    return [Picture(f"tuning_{data}", caption, "pipeline.report.render.plots:tuning", drawn)]


def _best(spent: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for trainings, value in spent:
        found.append((trainings, max(value, found[-1][1] if found else value)))
    return found


def blocks(
    data: str, rows: Sequence[Row], results: Mapping[str, Result], trials: Mapping[str, list[Record]], looks: Styles
) -> list[Block]:
    return [*comparison(data, rows, results), *curves(data, rows, trials, looks)]
