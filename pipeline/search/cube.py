"""A space as a unit cube: a dimension for each number, along its logarithm if the axis says so, and for each choice."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.search.space import Axis

Array = NDArray[np.float64]


class Cube:
    def __init__(self, axes: Mapping[str, Axis]) -> None:
        self.axes = axes
        ends = np.cumsum([0, *(1 if axis.choices is None else len(axis.choices) for axis in axes.values())])
        self.at = {name: slice(*ends[i : i + 2]) for i, name in enumerate(axes)}
        self.dimensions = int(ends[-1])

    def values(self, point: Array) -> dict[str, Any]:
        """Of a point (D,), by axis."""
        found: dict[str, Any] = {}
        for name, axis in self.axes.items():
            part = point[self.at[name]]
            if axis.choices is not None:
                found[name] = axis.choices[int(part.argmax())]
            else:
                number = _numbers(axis, part)[0]
                found[name] = int(number) if axis.whole else float(number)
        return found

    def point(self, values: Mapping[str, Any]) -> Array:
        """Of values that are in the space, (D,)."""
        point = np.zeros(self.dimensions)
        for name, axis in self.axes.items():
            part = point[self.at[name]]
            if axis.choices is not None:
                part[axis.choices.index(values[name])] = 1.0
            else:
                part[:] = _places(axis, np.array([float(values[name])]))
        return point

    def nearest(self, points: Array) -> Array:
        """The points (N, D) where the space has values: whole numbers, and 1 for one choice and 0 for its others."""
        points = np.clip(points, 0.0, 1.0)
        for name, axis in self.axes.items():
            part = points[:, self.at[name]]
            if axis.choices is not None:
                part[:] = np.arange(len(axis.choices)) == part.argmax(1)[:, None]
            elif axis.whole:
                part[:] = _places(axis, _numbers(axis, part))
        return points


def _numbers(axis: Axis, places: Array) -> Array:
    low, high = _ends(axis)
    numbers = low * (high / low) ** places if axis.log else low + (high - low) * places
    return np.clip(np.round(numbers) if axis.whole else numbers, low, high)


def _places(axis: Axis, numbers: Array) -> Array:
    low, high = _ends(axis)
    return np.log(numbers / low) / np.log(high / low) if axis.log else (numbers - low) / (high - low)


def _ends(axis: Axis) -> tuple[float, float]:
    assert axis.low is not None and axis.high is not None
    return float(axis.low), float(axis.high)
