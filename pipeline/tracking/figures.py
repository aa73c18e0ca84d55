"""What a run shows beside its values: its learning curve, a PNG, and its confusion matrix, a page.

Making a matplotlib figure costs more than drawing in it, so one canvas serves every run of a publish. A table of
numbers is no work for matplotlib at all: as a picture it cost a third of a publish.
"""

import csv
import io
from functools import lru_cache
from html import escape
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

DPI = 80
PAGE = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<style>body{{font:13px sans-serif}} table{{border-collapse:collapse}} th{{font-weight:normal;padding:2px 6px}}
td{{width:3em;height:2.2em;text-align:center;border:1px solid #ddd}} tr>th:first-child{{text-align:right}}</style>
<h3>{title}</h3><p>Rows are true classes, columns predicted ones; colour is the share of the row.</p>
<table><tr><th>true \\ predicted{heads}{body}</table>
"""


@lru_cache
def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def history(path: Path) -> list[dict[str, float]]:
    """Rows of history.csv, an epoch each; empty where there is none."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [{k: float(v) for k, v in row.items() if v not in ("", None)} for row in csv.DictReader(file)]


def learning_curve(rows: list[dict[str, float]], title: str) -> bytes:
    """Loss and the task's metric of both splits over the epochs."""
    figure = _figure(8.0, 3.0)
    figure.clear()
    metrics = [name.removeprefix("validation_") for name in rows[0] if name.startswith("validation_")]
    for axes, metric in zip(figure.subplots(1, 2), metrics, strict=True):
        for split, style in (("train", "o--"), ("validation", "o-")):
            points = [(r["epoch"], r[f"{split}_{metric}"]) for r in rows if f"{split}_{metric}" in r]
            axes.plot(*zip(*points, strict=True), style, ms=3, label=split) if points else None
        axes.set(xlabel="epoch", ylabel=metric)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(fontsize=8)
        axes.grid(alpha=0.3)
    figure.suptitle(title, fontsize=10)
    figure.subplots_adjust(0.08, 0.17, 0.98, 0.87, wspace=0.25)
    return _png(figure)


def confusion_matrix(counts: list[list[int]], classes: list[str], title: str) -> str:
    """A page: rows are true classes, columns predicted ones, coloured by the share of the row."""
    heads = "".join(f"<th>{escape(name)}" for name in classes)
    body = "".join(
        f"<tr><th>{escape(name)}{''.join(_cell(count, sum(row)) for count in row)}"
        for name, row in zip(classes, counts, strict=True)
    )
    return PAGE.format(title=escape(title), heads=heads, body=body)


def _cell(count: int, total: int) -> str:
    share = count / max(total, 1)
    text = "white" if share > 0.5 else "black"
    return f'<td style="background:rgba(8,81,156,{share:.3f});color:{text}">{count or ""}'


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
