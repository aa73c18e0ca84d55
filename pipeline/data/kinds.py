"""The kinds of data: what a reader says its items are, and all that follows from it.

A kind is kept in `meta.json` and in the result of a model; nobody guesses it from the number of dimensions. Light to
import, since params.yaml is checked by kinds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from pipeline.data.arrays import Mapped

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Kind:
    """axes: letters of an item's extents. channel: the axis whose places have statistics and a scale of their own.

    dtype: of stored items. padded: whether items that are shorter than the longest are filled up at the end with NaN.
    ragged: whether they are stored at their own lengths instead, and padded a batch at a time.
    range: the lowest and the highest value, None where any finite number is one.
    """

    name: str
    axes: str
    channel: str
    dtype: str
    padded: bool = False
    range: tuple[float, float] | None = None
    ragged: bool = False

    @property
    def dimensions(self) -> int:
        """Of items (N, ...)."""
        return 1 + len(self.axes)

    @property
    def shape(self) -> str:
        """Of one item, as people write it: `(C, H, W)`."""
        return f"({', '.join(self.axes)})"

    @property
    def reduced(self) -> Shape:
        """The axes of items (N, ...) over which statistics are taken: all but the channel's."""
        return tuple(axis for axis, letter in enumerate("N" + self.axes) if letter != self.channel)

    @property
    def extent(self) -> Shape:
        """How one value a channel (C,) is laid against items (N, ...): `(-1, 1, 1)` for images."""
        return (-1,) + (1,) * (len(self.axes) - 1 - self.axes.index(self.channel))

    @property
    def allowed(self) -> str:
        """What its values may be, for people."""
        numbers = "numbers from {:g} to {:g}".format(*self.range) if self.range else "finite numbers"
        return numbers + (", and NaN after the last step of a series" if self.padded else "")

    def invalid(self, x: "np.ndarray") -> "np.ndarray":
        """Which values of items (N, ...) are none that this kind has, bool (N, ...)."""
        import numpy as np

        low, high = self.range or (-np.inf, np.inf)
        bad: np.ndarray = ~np.isfinite(x) | (x < low) | (x > high)
        if self.padded:  # (N, T, F): a step of the padding, and all after it, is NaN as a whole
            padding = np.logical_and.accumulate(np.isnan(x).all(axis=2)[:, ::-1], axis=1)[:, ::-1]
            padding[:, 0] = False  # a series without any step is none
            bad &= ~padding[:, :, None]
        return bad

    def gather(self, items: "Tensor | Mapped", chosen: "Tensor") -> "Tensor":
        """Raw items (n, ...) at places `chosen` (n,), on their device; all items of these kinds have one shape."""
        return items.index_select(0, chosen)


KINDS = {
    kind.name: kind
    for kind in (
        Kind("image", "CHW", "C", "uint8", range=(0, 255)),
        Kind("series", "TF", "F", "float32", padded=True),
        Kind("tabular", "F", "F", "float32"),
        Kind("tokens", "T", "T", "int32", ragged=True),
    )
}


def of_shape(shape: Sequence[int]) -> str:
    """What a reader's option `shape` says of its rows: `tabular` where it is empty; ValueError where there is no kind.

    >>> of_shape([1, 28, 28])
    'image'
    """
    for kind in KINDS.values():
        if len(kind.axes) == (len(shape) or 1) and not kind.ragged:
            return kind.name
    raise ValueError(f"no kind of data has items of shape {list(shape)}; valid: {shapes()}")


def shapes() -> str:
    """Of items of all kinds of numbers: `(C, H, W), (T, F), (F)`."""
    return ", ".join(kind.shape for kind in KINDS.values() if not kind.ragged)
