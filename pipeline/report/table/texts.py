"""Where answers are texts: some of them beside what they should be, and whether one row's are better than another's."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import Any

from pipeline.report.render.document import Block, Table, Text
from pipeline.report.table import statistics
from pipeline.report.table.comparison import Row
from pipeline.results.files import Result

SHOWN = 10  # evenly over the test items
ANSWER = "beam"  # which of a row's texts are shown and compared


def blocks(rows: Sequence[Row], results: Mapping[str, Result]) -> list[Block]:
    """Of the rows of one data set; nothing where no row has texts."""
    kept = {row.key: results[row.key].texts for row in rows if results[row.key].texts}
    if not kept:
        return []
    first = next(iter(kept.values()))
    given, seed = first["test"], first["seed"]
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
    table = Table(
        ["test item", "source", "reference", *kept],
        lines,
        f"What seed {seed} of each row answers",
        ("source", "reference", *kept),
    )
    compared = [_compared(a, b, kept) for a, b in combinations(kept, 2)]
    return [Text([*(_measured(key, results[key]) for key in kept), *compared]), table]


def _measured(key: str, result: Result) -> str:
    """All that is known of a row's texts on test, `chrf 54.49`; what is copied is the source as it is."""
    names = sorted({line["metric"] for line in result.scores if line["split"] == "test"})
    means = [f"{name} {fmean(result.values(name, 'test').values()):.2f}" for name in names]
    return f"{key}, test, means of seeds: {', '.join(means)}"


def _compared(one: str, other: str, kept: Mapping[str, Mapping[str, Any]]) -> str:
    """`a against b, ...`: two rows' texts by the paired bootstrap."""
    references = [text["reference"] for text in kept[one]["test"]]
    first, second = ([text[ANSWER] for text in kept[key]["test"]] for key in (one, other))
    found = statistics.bootstrap(first, second, references)
    better = f"{one if found.one > found.other else other} is better"
    verdict = better if found.p < statistics.ALPHA else "no evidence for an order"
    how = f"paired bootstrap over test items (Koehn 2004, {found.samples:,} samples)"
    scores = f"BLEU {found.one:.2f} and {found.other:.2f}, p = {found.p:.3f} by {how}"
    return f"{one} against {other}, seed {kept[one]['seed']}: {scores}: {verdict}. {kept[one]['signature']}"
