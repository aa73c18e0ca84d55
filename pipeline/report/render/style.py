"""Colours and markers, the same for a name in every figure."""

from collections.abc import Mapping, Sequence
from typing import Any

# Okabe & Ito 2008, without yellow, which is faint on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
SETTINGS: Any = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "pdf.fonttype": 42,
    "axes.edgecolor": "#666666",
}
Styles = Mapping[str, tuple[str, str]]


def styles(names: Sequence[str]) -> Styles:
    """Name -> colour and marker; 63 names before a pair repeats."""
    return {n: (COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]) for i, n in enumerate(dict.fromkeys(names))}
