"""The two pictures of a run: its learning curve and its confusion matrix, as PNG.

Making a matplotlib figure costs more than drawing in it, so one canvas serves every run of a publish.
"""

import csv
import io
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

DPI = 80


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


def confusion_matrix(counts: list[list[int]], classes: list[str], title: str) -> bytes:
    """Rows are true classes, columns predicted ones, coloured by the share of the row; numbers where they fit."""
    table = np.asarray(counts)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    figure = _figure(6.0, 5.4)
    figure.clear()
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0)
    ticks: dict[str, Any] = {"ticks": range(len(classes)), "labels": classes, "fontsize": 8}
    if len(classes) <= 20:
        axes.set_xticks(**ticks, rotation=60, ha="right")
        axes.set_yticks(**ticks)
        for (row, column), count in np.ndenumerate(table):
            if count:
                colour = "white" if share[row, column] > 0.5 else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=7)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title(title, fontsize=10)
    figure.subplots_adjust(0.2, 0.22, 0.97, 0.93)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
