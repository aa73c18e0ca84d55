"""What a handful of seeds can say: mean, Student's t interval, and the smallest difference that they could show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isclose, sqrt
from statistics import fmean, stdev

from scipy.optimize import brentq
from scipy.stats import nct, t

CONFIDENCE = 0.95
ALPHA, POWER = 0.05, 0.80


@dataclass(frozen=True)
class Summary:
    """Over seeds, in the unit of the values. `None` where it is not defined: no seed, one seed, or no spread at all."""

    n: int
    mean: float | None
    std: float | None
    half_width: float | None
    smallest_difference: float | None


def summarize(values: Sequence[float]) -> Summary:
    n = len(values)
    if n < 2 or isclose(max(values), min(values), rel_tol=1e-9, abs_tol=1e-12):  # the rest is rounding: 44/45 - 43/45
        return Summary(n, values[0] if n else None, 0.0 if n > 1 else None, None, None)
    std = stdev(values)
    half_width = float(t.ppf((1 + CONFIDENCE) / 2, n - 1)) * std / sqrt(n)
    return Summary(n, fmean(values), std, half_width, std * detectable_effect(n))


@dataclass(frozen=True)
class Difference:
    """Of pairs. p: two-sided, of Student's t test that the mean difference is 0; with the half width None where fewer
    than two pairs, or no spread at all, leave it undefined."""

    n: int
    mean: float | None
    half_width: float | None
    p: float | None


def paired(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Difference:
    """Ours less theirs, by the seeds that both have (Student 1908): what a seed does to both is no difference."""
    found = summarize([ours[seed] - theirs[seed] for seed in ours if seed in theirs])
    if found.mean is None or not found.std or found.half_width is None:
        return Difference(found.n, found.mean, None, None)
    statistic = abs(found.mean) / (found.std / sqrt(found.n))
    return Difference(found.n, found.mean, found.half_width, 2 * float(t.sf(statistic, found.n - 1)))


def holm(values: Sequence[float | None]) -> list[float | None]:
    """p values of one family, corrected so that any false finding has at most probability ALPHA (Holm 1979)."""
    order = sorted((p, place) for place, p in enumerate(values) if p is not None)
    corrected: list[float | None] = [None] * len(values)
    largest = 0.0
    for rank, (p, place) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p))
        corrected[place] = largest
    return corrected


@lru_cache
def detectable_effect(n: int, alpha: float = ALPHA, power: float = POWER) -> float:
    """Smallest difference of two means, in standard deviations, that a two-sided two-sample t test with `n` runs a side
    finds with probability `power`. Exact: the statistic is noncentral t with 2n-2 degrees of freedom and noncentrality
    d * sqrt(n / 2) (Cohen 1988, section 2.5).
    """
    freedom = 2 * n - 2
    critical = float(t.ppf(1 - alpha / 2, freedom))

    def surplus(effect: float) -> float:
        shift = effect * sqrt(n / 2)
        # The far tail below -critical is left out past a shift of 5: it is under 1e-9 there, and scipy may answer nan.
        far = float(nct.cdf(-critical, freedom, shift)) if shift < 5 else 0.0
        return float(nct.sf(critical, freedom, shift)) + far - power

    return float(brentq(surplus, 0.0, 30.0))
