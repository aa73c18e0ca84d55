"""Labels in figures name the point that they stand at."""

from math import dist

import pytest
from matplotlib.figure import Figure

from pipeline.report.render.plots import Point, direct_labels


@pytest.mark.parametrize("gap", [0.02, 0.05, 0.3])
def test_a_label_begins_nearest_to_its_own_point(gap: float) -> None:
    axes = Figure(figsize=(6, 4)).subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    points = [Point("left", "k", "o", 0.5, 0.5, 0.0), Point("right", "k", "o", 0.5 + gap, 0.501, 0.0)]
    points += [Point("other", "k", "o", 0.57 + gap, 0.5, 0.2)]  # in the way of the right one's label
    direct_labels(axes, points)
    assert {label.get_text() for label in axes.texts} == {"left", "right", "other"}
    for label in axes.texts:
        box = label.get_window_extent()
        start = (box.x0 if label.get_ha() == "left" else box.x1, (box.y0 + box.y1) / 2)
        away = {p.label: dist(axes.transData.transform((p.x, p.y)), start) for p in points}
        assert away[label.get_text()] == min(away.values())
