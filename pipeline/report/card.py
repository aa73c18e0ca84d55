"""A paper's card: what it published, what we got under its budget, and whether the two agree."""

import ast
import re
import textwrap
from pathlib import Path

from pipeline import introspection, paths
from pipeline.config import loading
from pipeline.config.messages import unknown
from pipeline.config.sections import Params
from pipeline.report.build import results
from pipeline.report.table import comparison, tables
from pipeline.report.table.comparison import Row
from pipeline.report.table.references import Figure, Reference, References
from pipeline.results.metric import Metric, named
from pipeline.run.durations import format_duration

WIDTH = 100


def card(name: str, profile: str = "paper") -> str:
    """Text of `references/<name>.yaml` beside the rows of `profile`; ParamsError lists the papers that there are."""
    references = References(paths.ROOT / "references")
    if name not in references.sources:
        raise loading.ParamsError(unknown("paper", name, references.sources))
    known, source = loading.load(profile=profile), references.sources[name]
    every = comparison.rows(known, profile, results(known, profile, known.experiments), references)
    rows = {row.key: row for row in every}
    blocks = [textwrap.fill(text, WIDTH) for text in (f"{source.citation} {source.link}", source.remark) if text]
    for figure in source.figures:
        about = [row for row in rows.values() if _about(references, row, source, figure)]
        blocks.append(_published(figure))
        blocks += [_ours(known, row, figure) for row in about] or ["  no row of params.yaml is about it"]
    return "\n\n".join(blocks)


def _about(references: References, row: Row, source: Reference, figure: Figure) -> bool:
    return references.of(row.data, row.model, row.key) == (source, figure)


def _published(figure: Figure) -> str:
    recalled = "; quoted from memory, not checked in the source" if figure.checked == "memory" else ""
    text = f"{figure.subject}: published {_written(figure.value, named(figure.metric))}. {figure.note}{recalled}"
    return textwrap.fill(text, WIDTH)


def _ours(known: Params, row: Row, figure: Figure) -> str:
    epochs = f", {row.epochs} epochs" if row.epochs else ""
    cost = "" if row.train_seconds is None else f", {format_duration(row.train_seconds)} a seed on {row.hardware}"
    lines = {
        "row": f"{row.key}: {row.trained_on}{epochs}, n {tables.seeds(row) or 0}{cost}",
        "ours": f"{tables.score(row)} ± {tables.spread(row, row.score_half_width) or 'no interval'}",
        "verdict": verdict(row, figure),
        "command": f"`profile: {known.profile}` in params.yaml, then `make repro EXPERIMENT={row.key}`",
        "departures": departures(known.experiments[row.key].model),
    }
    return "\n".join(textwrap.fill(f"  {k:10}  {v}", WIDTH, subsequent_indent=" " * 14) for k, v in lines.items())


def _written(value: float, metric: Metric) -> str:
    return f"{metric.shown(value)} {'%' if metric.percent else metric.label}"


def verdict(row: Row, figure: Figure) -> str:
    """Whether the published figure lies in our 95 % interval, and if not, on which side of it."""
    if row.score is None:
        return "not run here"
    metric, gap = row.measure, row.score - figure.value
    points = f"{metric.shown(abs(gap))} {'points' if metric.percent else metric.label}"
    difference = f"{points} {'above' if gap >= 0 else 'below'} the published figure"
    if not row.published_comparable:
        return f"ours is {difference}; no reproduction, see the note above"
    if row.score_half_width is None:
        return f"ours is {difference}; no spread between seeds to judge it by"
    inside = abs(gap) <= row.score_half_width
    return f"ours is {difference}, which lies {'inside' if inside else 'outside'} our 95 % interval"


def departures(model: str) -> str:
    """What a model's file says that it does otherwise than its paper."""
    text = ast.get_docstring(ast.parse(Path(introspection.PACKAGE / f"{model}.py").read_text(encoding="utf-8"))) or ""
    found = re.search(r"Departures?[^:]*: (.*?)(?:\n\n|\Z)", text, re.DOTALL)
    return " ".join(found[1].split()) if found else "none that the model's file names"


if __name__ == "__main__":
    import sys

    try:
        print(card(*sys.argv[1:]))
    except ValueError as error:
        sys.exit(f"paper: {error}")
