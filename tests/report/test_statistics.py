import numpy as np
import pytest
from scipy import stats

from pipeline.report.table.statistics import (
    EFFECTS,
    Difference,
    bootstrap,
    computed_effect,
    detectable_effect,
    holm,
    paired,
    summarize,
)


def test_interval_by_hand() -> None:
    found = summarize([0.80, 0.82, 0.84])  # std 0.02, t(0.975, 2) = 4.302653
    assert (found.n, found.mean, found.std) == (3, pytest.approx(0.82), pytest.approx(0.02))
    assert found.half_width == pytest.approx(4.302653 * 0.02 / 3**0.5, rel=1e-6)


@pytest.mark.parametrize(("n", "effect"), [(3, 3.0704), (5, 2.0244), (17, 0.9910), (64, 0.4991)])
def test_detectable_effect_has_its_power(n: int, effect: float) -> None:
    """Cohen's table: 64 a group find d = 0.5 and 17 find d = 1.0 with 80 % power."""
    assert detectable_effect(n) == pytest.approx(effect, abs=2e-3)
    rng = np.random.default_rng(0)
    p = stats.ttest_ind(rng.normal(size=(n, 20_000)), rng.normal(detectable_effect(n), size=(n, 20_000))).pvalue
    assert np.mean(p < 0.05) == pytest.approx(0.8, abs=0.012)  # 4 standard errors


def test_effects_that_are_looked_up_are_the_computed_ones() -> None:
    assert {n: computed_effect(n) for n in EFFECTS} == pytest.approx(EFFECTS, rel=1e-12)


def test_two_seeds_have_an_effect_too() -> None:
    assert 5 < detectable_effect(2) < 8


def test_no_spread_gives_no_interval() -> None:
    same = summarize([0.1, 0.1, 0.1])
    assert (same.mean, same.std, same.half_width, same.smallest_difference) == (0.1, 0.0, None, None)
    assert summarize([0.5]).half_width is None
    assert summarize([]).mean is None


def test_pairs_are_tested_as_student_does() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 6))
    found = paired(dict(enumerate(a)), dict(enumerate(b)) | {9: 5.0})
    expected = stats.ttest_rel(a, b)
    assert found.n == 6 and found.p == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval()
    assert (found.mean, found.half_width) == (pytest.approx((low + high) / 2), pytest.approx((high - low) / 2))
    assert paired({0: 0.5}, {0: 0.25}) == Difference(1, 0.25, None, None)
    assert paired({0: 0.5, 1: 0.5}, {0: 0.25, 1: 0.25}) == Difference(2, 0.25, None, None)
    assert paired({}, {}).mean is None
    wins = {n: (n + 1) / 45 - n / 45 for n in (42, 43, 10)}  # one item of 45 each; they differ by 1e-16
    assert len(set(wins.values())) > 1
    assert paired(wins, dict.fromkeys(wins, 0.0)).p is None


def test_holm_by_hand() -> None:
    """Four p values, the smallest times 4, the next times 3 and so on, never below an earlier one."""
    assert holm([0.04, 0.01, 0.03, 0.005]) == pytest.approx([0.06, 0.03, 0.06, 0.02])
    assert holm([None, 0.9, 0.8]) == [None, 1.0, 1.0] and holm([]) == []


def test_texts_are_compared_by_the_items_of_the_test_set() -> None:
    rng = np.random.default_rng(0)
    references = [" ".join(rng.choice([*"abcdefgh"], 9)) for _ in range(60)]
    worse = [text.replace("a", "b").replace("c", "d") for text in references]
    little = [text.replace("a", "b", 1) if n == 3 else text for n, text in enumerate(references)]
    found = bootstrap(references, worse, references, samples=300)
    assert found.one == pytest.approx(100) and found.other < 60 and found.p < 0.01 and found.samples == 300
    assert bootstrap(references, little, references, samples=300).p > 0.05
    assert bootstrap(worse, worse, references, samples=100).p == 1.0
    assert found == bootstrap(references, worse, references, samples=300)  # its draws are the same each time
