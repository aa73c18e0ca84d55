"""What a handful of seeds can say: mean, Student's t interval, and the smallest difference that they could show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isclose, sqrt
from statistics import fmean, stdev

from scipy.special import stdtr, stdtrit  # scipy.stats calls the same, after half a second of imports

CONFIDENCE = 0.95
ALPHA, POWER = 0.05, 0.80
# Runs a side -> `computed_effect` of them at ALPHA and POWER.
EFFECTS = {
    2: 5.653489266405569,
    3: 3.0708922663636877,
    4: 2.380754213271203,
    5: 2.024439339384543,
    6: 1.7955409206169899,
    7: 1.6317140515566793,
    8: 1.5066342278767244,
    9: 1.4069271327732078,
    10: 1.3249473925792306,
}


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
    half_width = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * std / sqrt(n)
    return Summary(n, fmean(values), std, half_width, std * detectable_effect(n))


@dataclass(frozen=True)
class Difference:
    """Of pairs. p: two-sided, of Student's t test that the mean difference is 0; with the half width None where fewer
    than two pairs, or no spread at all, leave it undefined."""

    n: int
    mean: float | None
    half_width: float | None
    p: float | None


def paired(scores: Mapping[int, float], reference: Mapping[int, float]) -> Difference:
    """Scores less the reference's, by the seeds of both (Student 1908): what a seed does to both is no difference."""
    found = summarize([scores[seed] - reference[seed] for seed in scores if seed in reference])
    if found.mean is None or not found.std or found.half_width is None:
        return Difference(found.n, found.mean, None, None)
    statistic = abs(found.mean) / (found.std / sqrt(found.n))
    return Difference(found.n, found.mean, found.half_width, 2 * float(stdtr(found.n - 1, -statistic)))


@dataclass(frozen=True)
class Bootstrap:
    """one, other: BLEU of two systems. p: two-sided, that they differ; samples: of test items."""

    one: float
    other: float
    p: float
    samples: int


def bootstrap(one: Sequence[str], other: Sequence[str], references: Sequence[str], samples: int = 1000) -> Bootstrap:
    """Paired, over test items, of what two systems wrote (Koehn 2004), as sacrebleu does it."""
    from sacrebleu.metrics import BLEU  # not where no answer is a text
    from sacrebleu.significance import PairedTest

    systems = [("one", one), ("other", other)]
    _, found = PairedTest(systems, {"BLEU": BLEU()}, [references], "bs", samples)()
    first, second = found["BLEU"][:2]
    alike = first.score == second.score  # type: ignore[union-attr]
    p = 1.0 if alike else second.p_value  # type: ignore[union-attr]  # of equal systems theirs is the smallest there is
    return Bootstrap(first.score, second.score, p, samples)  # type: ignore[union-attr, arg-type]


def holm(values: Sequence[float | None]) -> list[float | None]:
    """p values of one family, corrected so that any false finding has at most probability ALPHA (Holm 1979)."""
    order = sorted((p, place) for place, p in enumerate(values) if p is not None)
    corrected: list[float | None] = [None] * len(values)
    largest = 0.0
    for rank, (p, place) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p))
        corrected[place] = largest
    return corrected


def detectable_effect(n: int) -> float:
    """`computed_effect`, looked up for as many seeds as are usual."""
    return EFFECTS.get(n) or computed_effect(n)


@lru_cache
def computed_effect(n: int, alpha: float = ALPHA, power: float = POWER) -> float:
    """Smallest difference of two means, in standard deviations, that a two-sided two-sample t test with `n` runs a side
    finds with probability `power`. Exact: the statistic is noncentral t with 2n-2 degrees of freedom and noncentrality
    d * sqrt(n / 2) (Cohen 1988, section 2.5).
    """
    from scipy.optimize import brentq
    from scipy.stats import nct, t

    freedom = 2 * n - 2
    critical = float(t.ppf(1 - alpha / 2, freedom))

    def surplus(effect: float) -> float:
        shift = effect * sqrt(n / 2)
        # The far tail below -critical is left out past a shift of 5: it is under 1e-9 there, and scipy may answer nan.
        far = float(nct.cdf(-critical, freedom, shift)) if shift < 5 else 0.0
        return float(nct.sf(critical, freedom, shift)) + far - power

    return float(brentq(surplus, 0.0, 30.0))
