"""The picture of a learning-rate range test."""

from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from pipeline.report.render import style
from pipeline.training.range_test import RangeTestResult


def draw(path: Path, title: str, found: RangeTestResult) -> Path:
    """A PNG at `path`, which has no suffix: loss against rate, each update and their running mean."""
    low, high = min(found.smooth), found.smooth[0]
    with matplotlib.rc_context(style.SETTINGS):
        figure = Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.subplots()
        axes.plot(found.rates, found.losses, color="#bbbbbb", linewidth=0.8, zorder=1)
        axes.plot(found.rates, found.smooth, color="#00558c", linewidth=1.8, zorder=2)
        axes.axvline(found.suggestion, color="#a32100", linewidth=1.2, linestyle="--")
        axes.annotate(
            f"suggested: {found.suggestion:.2g}",
            (found.suggestion, low + 1.1 * (high - low)),
            (-6, 0),
            textcoords="offset points",
            ha="right",
            color="#a32100",
            fontsize=10,
        )
        axes.set(xscale="log", xlabel="learning rate (log scale)", ylabel="training loss", title=title)
        axes.set_ylim(low - 0.15 * (high - low), high + 0.4 * (high - low))
        figure.savefig(png := path.with_suffix(".png"), dpi=150, metadata={"Software": None})
        return png
