"""The text CNN against convolutions by hand."""

from typing import Any

import pytest
import torch
from torch import nn

from pipeline.data.spec import Vocabulary
from pipeline.models import text_cnn


def test_it_is_the_paper_s_layers_by_hand() -> None:
    """Equations 2 and 3: max over all windows of relu(w . x + b), each window within zeros around the text."""
    network: Any = text_cnn.build((9,), 4, Vocabulary(size=20), widths=[2, 4], maps=3, embedding=5).eval()
    for text in ([3, 7, 1, 9, 2], [8]):
        vectors, found = network.embedding.table.weight[text], []
        for filters, width in zip(network.filters, (2, 4), strict=True):
            zeros = torch.zeros(width - 1, 5)
            padded = torch.cat([zeros, vectors, zeros])
            windows = torch.stack([padded[i : i + width].T.flatten() for i in range(len(text) + width - 1)])
            found.append((windows @ filters.weight.flatten(1).T + filters.bias).relu().amax(0))
        torch.testing.assert_close(network(torch.tensor([text]))[0], network.head(torch.cat(found)))


def test_sizes_are_the_paper_s() -> None:
    network: Any = text_cnn.build((50,), 2, Vocabulary(size=100))
    assert sum(p.numel() for p in network.parameters()) == 100 * 300 + 300 * 100 * (3 + 4 + 5) + 300 + 300 * 2 + 2
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == [0.0, 0.5]
    assert abs(network.embedding.table.weight[1:].std().item() - 0.25 / 3**0.5) < 0.005


def test_no_widths_are_refused() -> None:
    with pytest.raises(ValueError, match="`widths` is empty"):
        text_cnn.build((9,), 4, Vocabulary(size=20), widths=[])
