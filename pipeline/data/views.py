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


def tfidf(x: Any, weights: Any) -> Any:
    """Tokens to how often each of a vocabulary's stands in a text times its weight (V,), scaled to length 1: (N, V).

    A tensor of padded tokens (N, T) becomes a tensor; ragged tokens become a sparse matrix, as scikit-learn takes it.
    Salton, Buckley (1988): Term-weighting approaches in automatic text retrieval. Padding has weight 0.
    """
    if hasattr(x, "lengths"):
        from scipy import sparse

        bounds = [0, *x.lengths.cumsum().tolist()]
        tokens = x.flat()
        counted = sparse.csr_matrix((weights[tokens].astype("float32"), tokens, bounds), (len(x), len(weights)))
        counted.sum_duplicates()
        length = sparse.linalg.norm(counted, axis=1)
        return counted.multiply(1 / length.clip(min=1e-12)[:, None]).tocsr().astype("float32")
    from torch.nn import functional

    x = x.long()
    counted = weights.new_zeros(len(x), len(weights)).scatter_add_(1, x, weights[x])
    return functional.normalize(counted)


def _photograph(shape: Shape, side: int) -> Shape:
    if shape[0] not in (1, 3):
        raise ValueError(f"view 'rgb{side}' is of images with 1 or 3 channels, not {shape[0]}")
    return 3, side, side


SIDES = (32, 48, 64, 96)
VIEWS: dict[str, Callable[..., Any]] = {"none": none, "flatten": flatten, "rows": rows, "tfidf": tfidf}
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
    ("none", "tokens"): "tokens",
    ("tfidf", "tokens"): "tabular",
    **{(f"rgb{side}", "image"): "image" for side in SIDES},
}


def kind(view: str, kind: str) -> str:
    """Kind of input that a model gets from data of `kind`; ValueError where the view does not apply."""
    if (view, kind) not in KINDS:
        valid = sorted({v for v, k in KINDS if k == kind})
        raise ValueError(f"view {view!r} does not apply to {kind} data; valid: {', '.join(valid)}")
    return KINDS[view, kind]


def shape(view: str, shape: Shape, vocabulary: int = 0) -> Shape:
    """Shape of one item after the view. vocabulary: tokens that there are, of text."""
    return (vocabulary,) if view == "tfidf" else SHAPES[view](shape)


def of_tokens(view: str, x: Any, weights: Any) -> Any:
    """Tokens in a view, which are not scaled: a tensor (N, T) or ragged ones."""
    return tfidf(x, weights) if view == "tfidf" else x
