"""Kaplan and Meier's estimate and the logrank test, by hand, by closed forms and where nothing or everything failed."""

import numpy as np
import pytest
from scipy import stats

from jaxgan.results.statistics import kaplan_meier, logrank_p, wilson_interval

YES, NO = True, False


def test_the_estimate_by_hand():
    """Of 6 runs one fails at 3; one is stopped at 4; of the 4 left two fail at 5, and two are watched to 10."""
    found = kaplan_meier([3, 5, 5, 10, 10, 4], [YES, YES, YES, NO, NO, NO])
    np.testing.assert_array_equal(found.times, [3, 4, 5, 10])
    np.testing.assert_allclose(found.share, [5 / 6, 5 / 6, 5 / 12, 5 / 12], rtol=1e-12)  # float64 rounding
    assert (found.runs, found.failed) == (6, 3)
    # Greenwood's variance of log(share) at 5 is 1/30 + 2/8; the interval's ends are share^exp(-+ 1.96 sd / log(share)).
    reach = 1.959963984540054 * np.sqrt(1 / 30 + 1 / 4) / np.log(5 / 12)
    np.testing.assert_allclose([found.low[2], found.high[2]], (5 / 12) ** np.exp([-reach, reach]), rtol=1e-9)


def test_without_censoring_it_is_the_share_that_is_left():
    times = np.random.default_rng(0).permutation(20)
    found = kaplan_meier(times, np.ones(20, bool))
    np.testing.assert_allclose(found.share, 1 - np.arange(1, 21) / 20, atol=1e-12)  # float64 rounding


def test_where_nothing_failed_yet_and_where_everything_has():
    found = kaplan_meier([400] * 8, [NO] * 8)
    assert found.share.tolist() == [1.0] and (found.low[0], found.high[0]) == wilson_interval(8, 8)[1:]
    found = kaplan_meier([10] * 8, [YES] * 8)
    assert found.share.tolist() == [0.0] and (found.low[0], found.high[0]) == wilson_interval(0, 8)[1:]
    # Stopped before anything failed: those that are still watched are fewer.
    found = kaplan_meier([5] * 4 + [10] * 4, [NO] * 8)
    assert found.low.tolist() == [wilson_interval(8, 8).low, wilson_interval(4, 4).low]
    single = kaplan_meier([7], [YES])
    assert single.share.tolist() == [0.0] and 0 < single.high[0] < 1


def test_the_interval_holds_the_estimate():
    rng = np.random.default_rng(0)
    for _ in range(50):
        found = kaplan_meier(rng.integers(1, 10, 12), rng.random(12) < 0.6)
        assert (found.low <= found.share).all() and (found.share <= found.high).all()
        assert (np.diff(found.share) <= 0).all()


def test_the_logrank_statistic_by_its_definition():
    rng = np.random.default_rng(0)
    a, b = rng.integers(1, 8, 12), rng.integers(3, 12, 10)
    dead_a, dead_b = rng.random(12) < 0.8, rng.random(10) < 0.6
    excess = variance = 0.0
    for t in np.unique([*a[dead_a], *b[dead_b]]):
        n, m, d = np.sum(a >= t), np.sum(b >= t), np.sum(a[dead_a] == t) + np.sum(b[dead_b] == t)
        share = n / (n + m)
        excess += np.sum(a[dead_a] == t) - d * share
        if n + m > 1:
            variance += d * share * (1 - share) * (n + m - d) / (n + m - 1)
    expected = 2 * stats.norm.sf(abs(excess) / np.sqrt(variance))
    assert logrank_p(a, dead_a, b, dead_b) == pytest.approx(expected, rel=1e-9)  # float64 rounding
    assert logrank_p(b, dead_b, a, dead_a) == pytest.approx(expected, rel=1e-9)


def test_the_logrank_test_of_nothing():
    assert logrank_p([9, 9], [NO, NO], [9, 9], [NO, NO]) == 1
    assert logrank_p([1, 2], [YES, YES], [1, 2], [YES, YES]) == 1
    assert logrank_p([1], [YES], [1], [YES]) == 1  # both at once: no order to tell


def test_wrong_times_are_named():
    with pytest.raises(ValueError, match=r"one failed flag per time, got shapes \(2,\) and \(1,\)"):
        kaplan_meier([1, 2], [YES])
    with pytest.raises(ValueError, match="a run that never failed is censored"):
        kaplan_meier([1, np.inf], [YES, NO])
