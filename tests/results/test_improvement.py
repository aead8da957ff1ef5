"""The probability of improvement and performance profiles, against Mann and Whitney's U, and where runs agree."""

import numpy as np
import pytest
from scipy import stats

from jaxgan.results.statistics import performance_profile, probability_of_improvement, wilson_interval

INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize("draw", ["normal", "ties"])
def test_the_estimate_is_mann_and_whitneys(draw):
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=9), rng.normal(size=13)) if draw == "normal" else (rng.integers(4, size=n) for n in (9, 13))
    expected = stats.mannwhitneyu(x, y).statistic / (9 * 13)
    assert probability_of_improvement(x, y).estimate == pytest.approx(expected, rel=1e-12)  # float64 rounding
    lower = probability_of_improvement(x, y, higher_is_better=False)
    assert lower.estimate == pytest.approx(1 - expected, rel=1e-12)


def test_the_bounds_solve_newcombes_equation():
    """For a P at either bound the estimate is 1.96 standard deviations off, by Hanley and McNeil's variance.

    Theirs is of negative exponential scores: P((X, X') > Y) = P / (2 - P), P(X > (Y, Y')) = 2 P^2 / (1 + P), with as
    many of either, the mean of both numbers.
    """
    x, y = np.arange(10.0) + 3, np.arange(8.0)
    estimate, low, high = probability_of_improvement(x, y)
    n, m, mean = 10, 8, 9
    for p in (low, high):
        one, two = p / (2 - p), 2 * p**2 / (1 + p)
        variance = (p * (1 - p) + (mean - 1) * (one - p**2) + (mean - 1) * (two - p**2)) / (n * m)
        assert abs(estimate - p) == pytest.approx(1.959964 * np.sqrt(variance), rel=1e-5)


def test_runs_that_are_all_better_do_not_make_it_certain():
    found = probability_of_improvement([2.0] * 8, [1.0] * 8)
    assert found.estimate == found.high == 1 and 0.6 < found.low < 0.8
    mirrored = probability_of_improvement([1.0] * 8, [2.0] * 8)
    np.testing.assert_allclose(mirrored, (0.0, 0.0, 1 - found.low), atol=1e-9)
    alike = probability_of_improvement([1.0] * 8, [1.0] * 8)
    assert alike.estimate == 0.5 and alike.low == pytest.approx(1 - alike.high)
    assert probability_of_improvement([1.0], [2.0]).estimate == 0


def test_failed_runs_are_worse_than_all_and_alike():
    assert probability_of_improvement([INF, INF], [1.0, INF], higher_is_better=False).estimate == 0.25
    with pytest.raises(ValueError, match="expected values without NaN"):
        probability_of_improvement([NAN], [1.0])


def test_a_profile_counts_runs_at_or_beyond_a_threshold():
    x = [3.0, 1.0, 2.0, INF]
    found = performance_profile(x, [0.5, 1.0, 2.5, INF], higher_is_better=False)
    assert found.share.tolist() == [0.0, 0.25, 0.5, 1.0]
    assert (found.low[1], found.high[1]) == wilson_interval(1, 4)[1:]
    assert performance_profile(x, [2.0]).share.tolist() == [0.75]
    assert performance_profile([NAN, 1.0], [-INF]).share.tolist() == [0.5]  # as good as nothing
    assert performance_profile([1.0], [1.0, 2.0]).share.tolist() == [1.0, 0.0]
