"""What is known of prepared items: range, mean and deviation of each channel or column, and how many are duplicates."""

import hashlib
from collections.abc import Iterator, Mapping

import numpy as np

from pipeline.data.arrays import chunks
from pipeline.data.kinds import Kind


def of_channels(x: np.ndarray, kind: Kind) -> dict[str, list[float]]:
    """Minimum, maximum, mean and standard deviation over items (N, ...), padding left out, a chunk at a time.

    Means and variances of chunks are put together by the formula of Chan, Golub, LeVeque (1983). Chunks are the same on
    every machine, so equal data has equal statistics.
    """
    axes = kind.reduced
    parts = [
        (
            (~np.isnan(part)).sum(axis=axes),
            np.nanmin(part, axis=axes),
            np.nanmax(part, axis=axes),
            np.nanmean(part, axis=axes, dtype=np.float64),
            np.nanvar(part, axis=axes, dtype=np.float64),
        )
        for part in chunks(x)
    ]
    count, low, high, mean, variance = parts[0]
    for more, below, above, centre, spread in parts[1:]:
        total, distance = count + more, centre - mean
        low, high, mean = np.minimum(low, below), np.maximum(high, above), mean + distance * more / total
        variance = (variance * count + spread * more) / total + distance**2 * (count / total) * (more / total)
        count = total
    found = {"minimum": low, "maximum": high, "mean": mean, "std": np.sqrt(variance)}
    return {name: [digits(value) for value in values] for name, values in found.items()}


def duplicates(items: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Items of the later split whose very bytes stand in the earlier one too, by digests of 16 bytes."""
    hashes = {split: list(_digests(x)) for split, x in items.items()}
    seen = {split: set(found) for split, found in hashes.items()}
    pairs = [("train", "validation"), ("train", "test"), ("validation", "test")]
    return {f"{a}-{b}": sum(item in seen[a] for item in hashes[b]) for a, b in pairs}


def _digests(x: np.ndarray) -> Iterator[bytes]:
    return (hashlib.blake2b(item.tobytes(), digest_size=16).digest() for part in chunks(x) for item in part)


def digits(value: float) -> float:
    """Nine of them: sums differ in the last ones between processors, and equal data has to have equal statistics."""
    return float(f"{value:.9g}")
