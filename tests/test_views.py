"""Views mean the same for tensors and arrays, and say what they make of kinds and shapes."""

import numpy as np
import pytest
import torch

from pipeline import views

SHAPES = {"image": (3, 4, 5), "series": (6, 2), "tabular": (7,)}


@pytest.mark.parametrize(("view", "kind"), views.KINDS)
def test_a_view_of_tensors_and_of_arrays(view: str, kind: str) -> None:
    x = np.random.default_rng(0).random((2, *SHAPES[kind]))
    seen = views.VIEWS[view](x)
    assert np.array_equal(views.VIEWS[view](torch.from_numpy(x)).numpy(), seen)
    assert seen.shape[1:] == views.shape(view, SHAPES[kind])
    assert len(seen.shape[1:]) == {"image": 3, "series": 2, "tabular": 1}[views.KINDS[view, kind]]


def test_rows_are_read_from_top_to_bottom_all_channels_at_once() -> None:
    x = np.arange(2 * 3 * 4).reshape(1, 2, 3, 4)
    assert views.rows(x)[0, 1].tolist() == [4, 5, 6, 7, 16, 17, 18, 19]


def test_what_does_not_apply_is_refused() -> None:
    with pytest.raises(ValueError, match="view 'rows' does not apply to tabular data; valid: none"):
        views.kind("rows", "tabular")


@pytest.mark.parametrize("kind", SHAPES)
def test_scaling_is_laid_along_channels_features_or_columns(kind: str) -> None:
    x = torch.rand(2, *SHAPES[kind])
    places = {"image": 1, "series": 2, "tabular": 1}[kind]
    factor = torch.rand(x.shape[places])
    scaled = x * factor.view(views.extent(x.ndim))
    torch.testing.assert_close(scaled.select(places, 1), x.select(places, 1) * factor[1])
