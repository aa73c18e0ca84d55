"""The order of a training set's items, and sampling against imbalance."""

import numpy as np
import torch

from pipeline.data.batches import Batches
from pipeline.data.dataset import class_weights
from pipeline.data.kinds import KINDS
from pipeline.tasks.classification import TASK as classification

Y = np.array([0] * 90 + [1] * 9 + [2])
X = np.arange(100, dtype=np.float32)[:, None]


def test_an_epoch_sees_every_item_once_and_epochs_differ() -> None:
    batches = Batches(KINDS["tabular"], X, Y, 8, seed=3)
    orders = [batches.order(epoch).tolist() for epoch in range(3)]
    assert all(sorted(order) == list(range(100)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    assert Batches(KINDS["tabular"], X, Y, 8, seed=3).order(2).tolist() == orders[2]
    assert Batches(KINDS["tabular"], X, Y, 8, seed=4).order(2).tolist() != orders[2]


def test_balanced_sampling_draws_classes_equally_often() -> None:
    batches = Batches(KINDS["tabular"], X, Y, 8, seed=0, balanced=True)
    drawn = np.concatenate([Y[batches.order(epoch)] for epoch in range(200)])
    np.testing.assert_allclose(np.bincount(drawn) / len(drawn), 1 / 3, atol=0.01)


def test_class_weights_give_every_class_the_same_total() -> None:
    weights = class_weights(Y, 3)
    np.testing.assert_allclose(weights * np.bincount(Y), 100 / 3, rtol=1e-6)
    logits = torch.zeros(100, 3)
    plain = classification.loss(logits, torch.from_numpy(Y))
    weighted = classification.loss(logits, torch.from_numpy(Y), torch.from_numpy(weights))
    torch.testing.assert_close(plain, weighted)  # equal where every item's loss is
