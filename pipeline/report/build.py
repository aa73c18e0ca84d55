"""Everything under `reports/<profile>`: tidy results, the comparison in four formats, metrics.json and the figures."""

import csv
import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.params import Params
from pipeline.report import comparison, document, plots, tables, tidy
from pipeline.report.comparison import Row
from pipeline.report.document import Block, Heading, Picture, Table, Text
from pipeline.report.references import References
from pipeline.report.tidy import Loaded


def build(params: Params, profile: str | None = None, root: Path = paths.ROOT) -> str:
    """Write the report of a profile from the results below `root`; returns the tables for a terminal.

    Raises ValueError where a result file contradicts the parameters or a reference is not valid.
    """
    profile = profile or params.profile

    def at(path: Path) -> Path:
        return root / path.relative_to(paths.ROOT)

    out = at(paths.reports(profile))
    out.mkdir(parents=True, exist_ok=True)
    loaded = tidy.load(params, profile, lambda key: at(paths.results(profile, key)))
    published = References(root / "references")
    rows = comparison.rows(params, profile, loaded, published)
    tidy.write(out / "results.csv", [row for found in loaded.values() for row in found.results])
    tidy.write(out / "costs.csv", [row for found in loaded.values() for row in found.costs])
    _write_csv(out / "comparison.csv", rows)
    (out / "metrics.json").write_text(json.dumps(_metrics(rows), indent=2) + "\n")
    blocks = [Heading(f"Comparison, profile {profile}", 1), *_results(rows, out, loaded), *_notes(rows, published)]
    blocks += _data({row.data: (at(paths.prepared(row.data)), at(paths.raw(row.data))) for row in rows})
    (out / "comparison.md").write_text(document.markdown(blocks))
    (out / "comparison.html").write_text(document.page(f"Comparison, profile {profile}", blocks))
    (out / "comparison.tex").write_text(document.tex(_for_paper(rows)))
    printed = [document.terminal(table) for table in [*tables.experiments(rows, "t"), *tables.variants(rows)]]
    notes = [
        *tables.remarks(rows),
        f"{tables.INTERVAL};",
        f"{tables.MDD}.",
        *(tables.NOTES[-1:] if any(row.published is not None for row in rows) else ()),
        f"All columns: {out.relative_to(root)}",
    ]
    text = "\n\n".join([*printed, "\n".join(textwrap.fill(note, 118) for note in notes)])
    (out / "comparison.txt").write_text(text + "\n")
    return text


def _results(rows: Sequence[Row], out: Path, loaded: Mapping[str, Loaded]) -> list[Block]:
    looks = plots.styles([row.model for row in rows])
    histories = {key: found.history for key, found in loaded.items()}
    experiments = [row for row in rows if row.variant == "none"]
    blocks: list[Block] = []
    for (data, group), table in zip(tables.by_data(experiments).items(), tables.experiments(rows), strict=True):
        blocks += [Heading(data), table, *_list(tables.remarks(group))]
        if picture := plots.learning_curves(out / f"learning_curves_{data}", group, histories, looks):
            caption = f"Learning curves on {data}: validation (colour) and training (dashed), mean over seeds, \
band from the lowest to the highest seed; thin lines are the other models' validation."
            blocks.append(Picture(picture, caption))
        if picture := plots.score_against_cost(out / f"score_against_cost_{data}", group, looks):
            caption = (
                f"Test score on {data}, mean and 95% interval, against training time; rows with a failed seed left out."
            )
            blocks.append(Picture(picture, caption))
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
            str(len(meta["classes"]) or "a number"),
        ]
        for data, meta in found.items()
    ]
    texts = []
    for data, meta in found.items():
        card = {name: cards[data].get(name) for name in ("title", "licence", "citation")}
        facts = {**card, "also in the earlier of two splits": meta["duplicates"]}
        texts.append(f"{data}: " + ". ".join(f"{name}: {_flat(fact)}" for name, fact in facts.items() if fact))
    return [Heading("Data"), Table(["data set", *splits, "classes"], lines, "Samples prepared"), Text(texts)]


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return "; ".join(
            f"{str(name).replace('_', ' ')}: {_flat(inner)}" for name, inner in value.items() if inner != ""
        )
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _for_paper(rows: Sequence[Row]) -> list[Table]:
    """Accuracy and costs apart, or a page would be too narrow; the caption says what interval and n mean."""
    accuracy = [
        replace(t, caption=f"{t.caption}. {tables.INTERVAL}. {tables.MDD}.") for t in tables.experiments(rows, "a")
    ]
    return [*accuracy, *tables.experiments(rows, "c"), *tables.variants(rows)]


def _list(items: Sequence[str]) -> list[Block]:
    return [Text(items)] if items else []


def _metrics(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Means are of the seeds that ended well, so their number stands beside them."""
    names = ("macro_f1", "rmse", "seeds_ok", "seeds")
    every = {
        row.key: {row.metric: row.score} | {name: getattr(row, name) for name in names}
        for row in rows
        if row.status != "not run"
    }
    return {key: {name: value for name, value in values.items() if value is not None} for key, values in every.items()}


def _write_csv(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
