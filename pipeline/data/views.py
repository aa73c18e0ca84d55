"""How a model sees its input: the one adapter between a data set's layout and a model's.

Functions use methods that tensors and arrays share, so networks and classical models are given the same view.
"""

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

Shape = tuple[int, ...]


def none(x: Any) -> Any:
    """As it is."""
    return x


def flatten(x: Any) -> Any:
    """(N, C, H, W) or (N, T, F) to (N, C * H * W) or (N, T * F)."""
    return x.reshape(x.shape[0], -1)


def rows(x: Any) -> Any:
    """(N, C, H, W) to a series of rows (N, H, C * W)."""
    return x.swapaxes(1, 2).reshape(x.shape[0], x.shape[2], -1)


def rgb(x: Any, side: int) -> Any:
    """(N, 1 or 3, H, W) to (N, 3, side, side), bilinear, grey three times: for networks of photographs."""
    import torch
    from torch.nn import functional

    resized = functional.interpolate(torch.as_tensor(x), (side, side), mode="bilinear", align_corners=False)
    resized = resized.expand(-1, 3, -1, -1)
    return resized if isinstance(x, torch.Tensor) else resized.numpy()


def _photograph(shape: Shape, side: int) -> Shape:
    if shape[0] not in (1, 3):
        raise ValueError(f"view 'rgb{side}' is of images with 1 or 3 channels, not {shape[0]}")
    return 3, side, side


SIDES = (32, 48, 64, 96)
VIEWS: dict[str, Callable[[Any], Any]] = {"none": none, "flatten": flatten, "rows": rows}
VIEWS |= {f"rgb{side}": partial(rgb, side=side) for side in SIDES}
SHAPES: dict[str, Callable[[Shape], Shape]] = {
    "none": lambda shape: shape,
    "flatten": lambda shape: (prod(shape),),
    "rows": lambda shape: (shape[1], shape[0] * shape[2]),
    **{f"rgb{side}": partial(_photograph, side=side) for side in SIDES},
}
KINDS = {
    ("none", "image"): "image",
    ("none", "series"): "series",
    ("none", "tabular"): "tabular",
    ("flatten", "image"): "tabular",
    ("flatten", "series"): "tabular",
    ("rows", "image"): "series",
    **{(f"rgb{side}", "image"): "image" for side in SIDES},
}


def kind(view: str, kind: str) -> str:
    """Kind of input that a model gets from data of `kind`; ValueError where the view does not apply."""
    if (view, kind) not in KINDS:
        valid = sorted({v for v, k in KINDS if k == kind})
        raise ValueError(f"view {view!r} does not apply to {kind} data; valid: {', '.join(valid)}")
    return KINDS[view, kind]


def shape(view: str, shape: Shape) -> Shape:
    """Shape of one item after the view."""
    return SHAPES[view](shape)
