"""Where answers are texts: some of them beside what they should be, and whether one row's are better than another's."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import Any

from pipeline.report.render.document import Block, Table, Text
from pipeline.report.table import statistics, tables
from pipeline.report.table.comparison import Row
from pipeline.results.files import Result

SHOWN = 10  # evenly over the test items
ANSWER = "beam"  # which of a row's texts are shown and compared


def blocks(rows: Sequence[Row], results: Mapping[str, Result]) -> list[Block]:
    """Of the rows of one data set; nothing where no row has texts."""
    written = [row for row in rows if results[row.key].texts]
    kept = {row.key: results[row.key].texts for row in written}
    if not kept:
        return []
    given = next(iter(kept.values()))["test"]
    every = range(0, len(given), max(1, len(given) // SHOWN))
    lines = [
        [
            str(number),
            given[number]["source"],
            given[number]["reference"],
            *(t["test"][number][ANSWER] for t in kept.values()),
        ]
        for number in list(every)[:SHOWN]
    ]
    words = ["source", "reference", *(_seeded(key, texts) for key, texts in kept.items())]
    table = Table(["test item", *words], lines, "What one seed of each row answers", words)
    return [Text([*(_measured(row, results[row.key]) for row in written), *_compared(kept)]), table]


def _seeded(key: str, texts: Mapping[str, Any]) -> str:
    return f"{key}, seed {texts['seed']}"


def _measured(row: Row, result: Result) -> str:
    """All that is known of a row's texts on test, `chrf 54.49`; what is copied is the source as it is."""
    names = sorted({line["metric"] for line in result.scores if line["split"] == "test"})
    means = [f"{name} {fmean(result.values(name, 'test').values()):.2f}" for name in names]
    return f"{row.key}, test, means of {tables.seeds(row)} seeds: {', '.join(means)}"


def _compared(kept: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """`a against b, ...` of each two rows' texts by the paired bootstrap, with p values corrected for all of them."""
    pairs = list(combinations(kept, 2))
    every = [_bootstrap(kept[one], kept[other]) for one, other in pairs]
    corrected = statistics.holm([found.p for found in every])
    family = f", corrected for {len(pairs)} comparisons (Holm 1979)" if len(pairs) > 1 else ""
    said = []
    for (one, other), found, p in zip(pairs, every, corrected, strict=True):
        assert p is not None  # Holm's leaves out none but those that are not there
        better = f"{one if found.one > found.other else other} is better"
        verdict = better if p < statistics.ALPHA else "no evidence for an order"
        how = f"paired bootstrap over test items (Koehn 2004, {found.samples:,} samples){family}"
        scores = f"BLEU {found.one:.2f} and {found.other:.2f}, p = {p:.3f} by {how}"
        names = f"{_seeded(one, kept[one])}, against {_seeded(other, kept[other])}"
        said.append(f"{names}: {scores}: {verdict}. {kept[one]['signature']}")
    return said


def _bootstrap(one: Mapping[str, Any], other: Mapping[str, Any]) -> statistics.Bootstrap:
    references = [text["reference"] for text in one["test"]]
    first, second = ([text[ANSWER] for text in texts["test"]] for texts in (one, other))
    return statistics.bootstrap(first, second, references)
