"""How a model sees its input: the one adapter between a data set's layout and a model's.

Functions use methods that tensors and arrays share, so networks and classical models are given the same view.
"""

from collections.abc import Callable
from typing import Any


def none(x: Any) -> Any:
    """As it is."""
    return x


def flatten(x: Any) -> Any:
    """(N, C, H, W) to (N, C*H*W)."""
    return x.reshape(x.shape[0], -1)


VIEWS: dict[str, Callable[[Any], Any]] = {"none": none, "flatten": flatten}
KINDS = {("none", "image"): "image", ("none", "tabular"): "tabular", ("flatten", "image"): "tabular"}


def kind(view: str, kind: str) -> str:
    """Kind of input that a model gets from data of `kind`; ValueError where the view does not apply."""
    if (view, kind) not in KINDS:
        valid = sorted({v for v, k in KINDS if k == kind})
        raise ValueError(f"view {view!r} does not apply to {kind} data; valid: {', '.join(valid)}")
    return KINDS[view, kind]


def shape(view: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of one item after the view."""
    size = 1
    for extent in shape:
        size *= extent
    return (size,) if view == "flatten" else shape
