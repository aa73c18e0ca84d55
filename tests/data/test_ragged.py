"""Items of different lengths: what is written is read, padded to the longest that is asked for."""

from pathlib import Path

import numpy as np

from pipeline.data import ragged

ITEMS = [[5, 6, 7], [1], [], [2, 3]]


def test_what_is_written_is_read_and_padded(tmp_path: Path) -> None:
    ragged.save(tmp_path, "x", ragged.of(ITEMS, 9, 8))
    x = ragged.load(tmp_path, "x", 9, 8)
    assert x.shape == (4, 8) and x.dtype == np.int32 and x.lengths.tolist() == [3, 1, 0, 2]
    assert x[0:2].tolist() == [[5, 6, 7], [1, 9, 9]] and x[np.array([3, 1])].tolist() == [[2, 3], [1, 9]]
    assert x[2:3].shape == (1, 0) and x[:0].shape == (0, 0)
    fewer = x.take(np.array([3, 0]))
    assert fewer[:].tolist() == [[2, 3, 9], [5, 6, 7]] and fewer.flat().tolist() == [2, 3, 5, 6, 7]


def test_buckets_hold_every_item_once_and_waste_little() -> None:
    lengths = np.random.default_rng(0).integers(1, 400, 1000)
    parts = list(ragged.buckets(lengths, 64, 4096))
    assert sorted(np.concatenate(parts).tolist()) == list(range(1000))
    assert all(len(part) <= 64 and len(part) * lengths[part].max() <= 4096 for part in parts)
    assert sum(len(part) * lengths[part].max() for part in parts) < 1.1 * lengths.sum()
