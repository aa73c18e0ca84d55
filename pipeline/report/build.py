"""Everything under `reports/<profile>`: the comparison in five formats, metrics.json, figures, all results together.

Git keeps the tables and the PNG; `results.csv` and `costs.csv` are the rows' own files one after another.
"""

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.config.sections import Params
from pipeline.report import figures
from pipeline.report.render import document
from pipeline.report.render.document import Block, Heading, Table, Text
from pipeline.report.render.style import styles
from pipeline.report.table import classes, comparison, tables, texts, tuned
from pipeline.report.table.comparison import Row
from pipeline.report.table.references import References
from pipeline.results import files
from pipeline.results.collect import owner
from pipeline.results.files import COSTS, SCORES, Record, Result

FACTS = ("profile", "experiment", "dataset", "model", "recipe", "variant")


def build(params: Params, profile: str | None = None, root: Path = paths.ROOT, pdf: bool = False) -> str:
    """Write the report of a profile from the results below `root`; returns the tables for a terminal.

    pdf: write the figures as PDF beside the PNG, and nothing else. ValueError where a result file contradicts the
    parameters or a reference is not valid.
    """
    from pipeline.report.render import pictures

    profile = profile or params.profile

    def at(path: Path) -> Path:
        return root / path.relative_to(paths.ROOT)

    out = at(paths.reports(profile))
    out.mkdir(parents=True, exist_ok=True)
    found = results(params, profile, [*params.experiments, *params.variants], root)
    trials = {key: files.lines(at(paths.trials(profile, key))) for key in params.search}
    published = References(root / "references")
    rows = comparison.rows(params, profile, found, published)
    blocks = [Heading(f"Comparison, profile {profile}", 1), *_sections(rows, found, trials), *_notes(rows, published)]
    pictures.draw(blocks, out, pdf)
    text = _terminal(rows, f"All columns: {out.relative_to(root)}")
    if not pdf:
        blocks += _data({row.data: (at(paths.prepared(row.data)), at(paths.raw(row.data))) for row in rows})
        _write_tables(out, profile, rows, blocks)
        _write_concatenated(out, params, profile, found)
        (out / "comparison.txt").write_text(text + "\n")
    return text


def table(params: Params, data: str, root: Path = paths.ROOT) -> str:
    """One data set's table for a terminal, from the results that are there: cheap, nothing is written or drawn."""
    keys = [key for key, experiment in params.experiments.items() if experiment.data == data]
    keys += [key for key, variant in params.variants.items() if variant.of in keys]
    rows = comparison.rows(
        params, params.profile, results(params, params.profile, keys, root), References(root / "references")
    )
    return "\n\n".join(map(document.terminal, [*tables.experiments(rows, "t"), *tables.variants(rows)]))


def results(params: Params, profile: str, keys: Iterable[str], root: Path = paths.ROOT) -> dict[str, Result]:
    """What Git keeps of some rows, below `root`; without rows on request that nobody has asked for."""
    folders = {key: root / paths.results(profile, key).relative_to(paths.ROOT) for key in keys}
    asked = {
        key: folder
        for key, folder in folders.items()
        if folder.is_dir() or not params.experiments[owner(params, key)].on_request
    }
    return {key: files.read(params, profile, key, folder) for key, folder in asked.items()}


def _write_tables(out: Path, profile: str, rows: Sequence[Row], blocks: Sequence[Block]) -> None:
    files.write(out / "comparison.csv", [field.name for field in fields(Row)], map(asdict, rows))
    (out / "metrics.json").write_text(json.dumps(_metrics(rows), indent=2) + "\n")
    (out / "comparison.md").write_text(document.markdown(blocks))
    (out / "comparison.html").write_text(document.page(f"Comparison, profile {profile}", blocks))
    (out / "comparison.tex").write_text(document.tex(_for_paper(rows)))


def _write_concatenated(out: Path, params: Params, profile: str, found: Mapping[str, Result]) -> None:
    """results.csv and costs.csv: every row's own lines, with the facts that say which row it is."""
    scores: list[Record] = []
    costs: list[Record] = []
    for key, result in found.items():
        parent = owner(params, key)
        experiment = params.experiments[parent]
        facts = (
            profile,
            parent,
            experiment.data,
            experiment.short,
            experiment.recipe,
            key if key != parent else "none",
        )
        row = dict(zip(FACTS, facts, strict=True))
        scores += [row | line for line in result.scores]
        costs += [row | line for line in result.costs]
    files.write(out / "results.csv", (*FACTS, *SCORES), scores)
    files.write(out / "costs.csv", (*FACTS, *COSTS), costs)


def _terminal(rows: Sequence[Row], where: str) -> str:
    printed = [document.terminal(table) for table in [*tables.experiments(rows, "t"), *tables.variants(rows)]]
    notes = [
        *tables.remarks(rows),
        f"{tables.INTERVAL};",
        f"{tables.MDD}.",
        *(tables.NOTES[-1:] if any(row.published is not None for row in rows) else ()),
        where,
    ]
    return "\n\n".join([*printed, "\n".join(textwrap.fill(note, 118) for note in notes)])


def _sections(rows: Sequence[Row], found: Mapping[str, Result], trials: Mapping[str, list[Record]]) -> list[Block]:
    looks = styles([row.model for row in rows])
    histories = {key: result.history for key, result in found.items()}
    experiments = [row for row in rows if row.variant == "none"]
    blocks: list[Block] = []
    for (data, group), table in zip(tables.by_data(experiments).items(), tables.experiments(rows), strict=True):
        blocks += [Heading(data), table, *_list(tables.remarks(group)), *classes.tables(group, found)]
        blocks += tuned.blocks(data, group, found, trials, looks)
        blocks += figures.learning_curves(data, group, histories, looks)
        blocks += figures.score_against_cost(data, group, looks)
        blocks += texts.blocks(group, found)
    if compressed := tables.variants(rows):
        blocks += [
            Heading("Compression"),
            *compressed,
            *_list(tables.remarks([r for r in rows if r not in experiments])),
        ]
    if hardware := sorted({row.hardware for row in rows if row.hardware}):
        several = " Times of different machines can't be compared." if len(hardware) > 1 else ""
        blocks.append(Text([f"Times measured on: {'; '.join(hardware)}.{several}"]))
    return blocks


def _notes(rows: Sequence[Row], published: References) -> list[Block]:
    known = {source.name: source for source in published.sources.values()}
    used = {row.published_source: known[row.published_source] for row in rows if row.published_source}
    notes = {name: [f"{r.key}: {r.published_note}." for r in rows if r.published_source == name] for name in used}
    cited = [f"[{name}] {source.citation} {source.link} — {' '.join(notes[name])}" for name, source in used.items()]
    blocks: list[Block] = [Heading("How to read the tables"), Text(tables.NOTES)]
    return blocks + ([Heading("Published figures"), Text(cited)] if cited else [])


def _data(folders: Mapping[str, tuple[Path, Path]]) -> list[Block]:
    """What `prepare` found; a data set that is not prepared on this machine is left out."""
    found, cards = {}, {}
    for data, (prepared, raw) in folders.items():
        if (prepared / "meta.json").exists():
            found[data] = json.loads((prepared / "meta.json").read_text())
            cards[data] = json.loads((raw / "card.json").read_text()) if (raw / "card.json").exists() else {}
    if not found:
        return []
    splits = list(dict.fromkeys(split for meta in found.values() for split in meta["counts"]))
    lines = [
        [
            data,
            *(f"{sum(meta['counts'].get(split, [])):,}" for split in splits),
            str(len(meta["classes"]) or ("a sentence" if meta.get("writes") else "a number")),
        ]
        for data, meta in found.items()
    ]
    facts_of = []
    for data, meta in found.items():
        card = {name: cards[data].get(name) for name in ("title", "licence", "citation")}
        source = cards[data].get("path") or folders[data][1].resolve()
        said = [remark.replace(f"{source}/", "") for remark in meta["remarks"]]  # no path of a machine in a report
        facts = {**card, "remarks": "; ".join(said)}
        facts_of.append(f"{data}: " + ". ".join(f"{name}: {_flat(fact)}" for name, fact in facts.items() if fact))
    caption = "Samples prepared. Where some are also in an earlier split, a remark says so"
    return [Heading("Data"), Table(["data set", *splits, "classes"], lines, caption), Text(facts_of)]


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(
            f"{str(name).replace('_', ' ')}: {_flat(inner)}" for name, inner in value.items() if inner != ""
        )
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _for_paper(rows: Sequence[Row]) -> list[Table]:
    """Scores and costs apart, or a page would be too narrow; the caption says what interval and n mean."""
    scores = [
        replace(t, caption=f"{t.caption}. {tables.INTERVAL}. {tables.MDD}.") for t in tables.experiments(rows, "s")
    ]
    return [*scores, *tables.experiments(rows, "c"), *tables.variants(rows)]


def _list(items: Sequence[str]) -> list[Block]:
    return [Text(items)] if items else []


def _metrics(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Means are of the seeds that ended well, so their number stands beside them."""
    names = ("macro_f1", "auroc", "rmse", "seeds_ok", "seeds")
    every = {
        row.key: {row.metric: row.score} | {name: getattr(row, name) for name in names}
        for row in rows
        if row.status != "not run"
    }
    return {key: {name: value for name, value in values.items() if value is not None} for key, values in every.items()}
