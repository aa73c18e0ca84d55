import numpy as np
import pytest
from scipy import stats

from pipeline.report.statistics import detectable_effect, summarize


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


def test_two_seeds_have_an_effect_too() -> None:
    assert 5 < detectable_effect(2) < 8


def test_no_spread_gives_no_interval() -> None:
    same = summarize([0.1, 0.1, 0.1])
    assert (same.mean, same.std, same.half_width, same.smallest_difference) == (0.1, 0.0, None, None)
    assert summarize([0.5]).half_width is None
    assert summarize([]).mean is None
