"""Views mean the same for tensors and arrays, and say what they make of kinds and shapes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import nn

from pipeline.compress.methods.onnx import export
from pipeline.data import ragged, views
from pipeline.data.kinds import KINDS
from pipeline.formats.onnx import Model
from pipeline.training.network import Network

SHAPES = {"image": (3, 4, 5), "series": (6, 2), "tabular": (7,)}


@pytest.mark.parametrize(("view", "kind"), [pair for pair in views.KINDS if pair[1] != "tokens"])
def test_a_view_of_tensors_and_of_arrays(view: str, kind: str) -> None:
    shape = (3, *SHAPES[kind][1:]) if view.startswith("rgb") else SHAPES[kind]
    x = np.random.default_rng(0).random((2, *shape))
    seen = views.VIEWS[view](x)
    assert np.array_equal(views.VIEWS[view](torch.from_numpy(x)).numpy(), seen)
    assert seen.shape[1:] == views.shape(view, shape)
    assert len(seen.shape[1:]) == {"image": 3, "series": 2, "tabular": 1}[views.KINDS[view, kind]]


def test_tfidf_is_what_scikit_learn_makes_of_the_same_words(tmp_path: Path) -> None:
    texts = ["a b b c", "c c a a a", "b", "d a b"]
    known = {"[PAD]": 0, "[UNK]": 1, "a": 2, "b": 3, "c": 4, "d": 5}
    x = ragged.of([[known[word] for word in text.split()] for text in texts], 0, 8)
    peer = TfidfVectorizer(token_pattern=r"\S+")
    expected = peer.fit_transform(texts).toarray()
    weights = np.array([0, 0, *peer.idf_], np.float32)
    sparse = views.tfidf(x, weights)
    np.testing.assert_allclose(sparse.toarray()[:, 2:], expected, atol=1e-6)
    assert sparse.shape == (4, *views.shape("tfidf", (8,), len(known))) and not sparse[:, :2].nnz
    dense = views.tfidf(torch.from_numpy(x[:]), torch.from_numpy(weights))
    np.testing.assert_allclose(dense.numpy(), sparse.toarray(), atol=1e-6)


def test_rows_are_read_from_top_to_bottom_all_channels_at_once() -> None:
    x = np.arange(2 * 3 * 4).reshape(1, 2, 3, 4)
    assert views.rows(x)[0, 1].tolist() == [4, 5, 6, 7, 16, 17, 18, 19]


def test_a_photograph_s_view_is_three_times_the_grey_one_and_exports(tmp_path: Path) -> None:
    grey, colour = torch.rand(2, 1, 28, 28), torch.rand(2, 3, 28, 28)
    assert torch.equal(views.rgb(grey, 48)[:, 0], views.rgb(grey, 48)[:, 2])
    torch.testing.assert_close(views.rgb(colour, 48)[:, 1:2], views.rgb(colour[:, 1:2], 48)[:, :1])
    with pytest.raises(ValueError, match="images with 1 or 3 channels, not 5"):
        views.shape("rgb48", (5, 28, 28))
    body = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network = Network(body, "rgb48", KINDS["image"], torch.zeros(1), torch.ones(1)).eval()
    export(network, (1, 28, 28), tmp_path / "model.onnx")
    (tmp_path / "result.json").write_text('{"probabilistic": true}')
    found = Model(tmp_path, 1).scores(grey.numpy())
    np.testing.assert_allclose(found, network(grey).detach().numpy(), atol=1e-5)


def test_what_does_not_apply_is_refused() -> None:
    with pytest.raises(ValueError, match="view 'rows' does not apply to tabular data; valid: none"):
        views.kind("rows", "tabular")


@pytest.mark.parametrize("kind", SHAPES)
def test_scaling_is_laid_along_channels_features_or_columns(kind: str) -> None:
    x = torch.rand(2, *SHAPES[kind])
    places = {"image": 1, "series": 2, "tabular": 1}[kind]
    factor = torch.rand(x.shape[places])
    scaled = x * factor.view(KINDS[kind].extent)
    torch.testing.assert_close(scaled.select(places, 1), x.select(places, 1) * factor[1])
