"""What is known of prepared items: range, mean and deviation of each channel or column, and how many are duplicates."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pipeline.data.arrays import chunks
from pipeline.data.kinds import Kind


def of_channels(x: np.ndarray, kind: Kind) -> dict[str, list[float]]:
    """Minimum, maximum, mean and standard deviation over items (N, ...), padding left out, a chunk at a time.

    Means and variances of chunks are put together by the formula of Chan, Golub, LeVeque (1983). Chunks are the same on
    every machine, so equal data has equal statistics.
    """
    parts = [_of_bytes(part, kind) if x.dtype == np.uint8 else _of_numbers(part, kind) for part in chunks(x)]
    count, low, high, mean, variance = parts[0]
    for more, below, above, centre, spread in parts[1:]:
        total, distance = count + more, centre - mean
        low, high, mean = np.minimum(low, below), np.maximum(high, above), mean + distance * more / total
        variance = (variance * count + spread * more) / total + distance**2 * (count / total) * (more / total)
        count = total
    found = {"minimum": low, "maximum": high, "mean": mean, "std": np.sqrt(variance)}
    return {name: [digits(value) for value in values] for name, values in found.items()}


Moments = tuple[Any, Any, Any, Any, Any]  # of each channel: number, minimum, maximum, mean, variance


def _of_numbers(x: np.ndarray, kind: Kind) -> Moments:
    axes, x = kind.reduced, x.astype(np.float64)  # squares of single precision end at 1e38
    return (
        (~np.isnan(x)).sum(axis=axes),
        np.nanmin(x, axis=axes),
        np.nanmax(x, axis=axes),
        np.nanmean(x, axis=axes),
        np.nanvar(x, axis=axes),
    )


def _of_bytes(x: np.ndarray, kind: Kind) -> Moments:
    """By counting values: exact, and without a copy in double precision."""
    channels = np.moveaxis(x, 1 + kind.axes.index(kind.channel), 0)
    counts = np.stack([np.bincount(channel.reshape(-1), minlength=256) for channel in channels])
    values, total = np.arange(256), counts.sum(axis=1)
    there = counts > 0
    mean = counts @ values / total
    variance = counts @ values**2 / total - mean**2
    return total, there.argmax(axis=1), 255 - there[:, ::-1].argmax(axis=1), mean, variance


def duplicates(items: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Items, or texts, of the later split whose very bytes stand in the earlier one too, by digests of 16 bytes."""
    hashes = {split: list(_digests(x)) for split, x in items.items()}
    seen = {split: set(found) for split, found in hashes.items()}
    pairs = [("train", "validation"), ("train", "test"), ("validation", "test")]
    return {f"{a}-{b}": sum(item in seen[a] for item in hashes[b]) for a, b in pairs}


def _digests(x: np.ndarray) -> Iterator[bytes]:
    whole = (item if isinstance(item, str | tuple) else item.tobytes() for part in chunks(x) for item in part)
    return (hashlib.blake2b(w if isinstance(w, bytes) else repr(w).encode(), digest_size=16).digest() for w in whole)


def digits(value: float) -> float:
    """Nine of them: sums differ in the last ones between processors, and equal data has to have equal statistics."""
    return float(f"{value:.9g}")
