"""What a handful of seeds can say: mean, Student's t interval, and the smallest difference that they could show."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
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
    if n < 2 or max(values) == min(values):  # equal values: fmean and stdev would leave a rounding error of 1e-17
        return Summary(n, values[0] if n else None, 0.0 if n > 1 else None, None, None)
    std = stdev(values)
    half_width = float(t.ppf((1 + CONFIDENCE) / 2, n - 1)) * std / sqrt(n)
    return Summary(n, fmean(values), std, half_width, std * detectable_effect(n))


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
