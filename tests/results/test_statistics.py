"""Statistics over seeds: closed formulas, coverage by simulation, and failures that stay visible."""

import numpy as np
import pytest
from scipy import stats

from jaxgan.results.statistics import (
    interquartile_mean,
    iqm_interval,
    summarize,
    summarize_difference,
    wilson_interval,
)

INF, NAN = float("inf"), float("nan")


def flags(n, failures):
    return np.arange(n) < failures


@pytest.mark.parametrize("n", [1, 3, 4, 7, 8, 64])
def test_interquartile_mean_is_the_mean_of_the_middle(n):
    x = np.random.default_rng(n).standard_normal(n)
    middle = sorted(x)[n // 4 : n - n // 4]
    assert interquartile_mean(x) == pytest.approx(sum(middle) / len(middle), rel=1e-12)  # float64 rounding


def test_interquartile_mean_of_infinities_and_nan():
    assert interquartile_mean([INF, 1.0, 2.0, -INF]) == 1.5
    assert interquartile_mean([INF, INF, 1.0, 2.0]) == INF
    assert np.isnan(interquartile_mean([INF, INF, -INF, -INF]))
    assert np.isnan(interquartile_mean([1.0, 1.0, 1.0, NAN]))  # not cut off as if it were a large value


def test_the_interval_covers_the_truth_as_often_as_its_docstring_says():
    rng, repetitions = np.random.default_rng(0), 1_000
    hits = 0
    for x in rng.standard_normal((repetitions, 8)):
        interval = iqm_interval(x, resamples=999, rng=rng)
        hits += interval.low <= 0 <= interval.high
    # 94 to 96 %; four standard errors of the simulation, sqrt(0.95 * 0.05 / 1000), more.
    assert hits / repetitions == pytest.approx(0.95, abs=0.01 + 0.028)


def test_an_infinite_seed_counts_as_a_very_large_one():
    x = [*np.random.default_rng(1).standard_normal(15), INF]
    interval = iqm_interval(x, rng=0)
    # scipy interpolates between replicates, so it needs a large value that is finite.
    reference = stats.bootstrap(
        (np.nan_to_num(x, posinf=1e9),), interquartile_mean, vectorized=False, method="percentile", rng=1
    ).confidence_interval
    # Two quantiles of 9,999 replicates with a spread near 0.25 each: their difference has a standard error of
    # about 0.01. More than 4 of 16 infinite draws, which would show in the bound, have a chance of 0.3 %.
    np.testing.assert_allclose(interval[1:], reference, atol=0.04)
    assert interval.estimate == pytest.approx(np.mean(sorted(x)[4:12]), rel=1e-12)  # float64 rounding


def test_an_interval_is_a_function_of_the_seed():
    x = np.random.default_rng(2).standard_normal(32)  # of 8, two seeds can end at the same order statistics
    assert iqm_interval(x, rng=3) == iqm_interval(x, rng=np.random.default_rng(3))
    assert iqm_interval(x, rng=3) != iqm_interval(x, rng=4)
    failed = [*x, INF]
    assert iqm_interval(failed, rng=3) == iqm_interval(failed, rng=np.random.default_rng(3))


def test_more_confidence_makes_a_wider_interval():
    for x in (np.random.default_rng(5).standard_normal(12), [*range(11), INF]):
        narrow, wide = (iqm_interval(x, confidence=confidence, rng=0) for confidence in (0.5, 0.99))
        assert wide.low < narrow.low < narrow.estimate < narrow.high < wide.high


@pytest.mark.parametrize("value", [8.0, 0.1, INF])
def test_seeds_that_agree_give_a_point(value):
    interval = iqm_interval([value] * 16, rng=0)
    assert interval.low == interval.estimate == interval.high == pytest.approx(value)


def test_seeds_that_nearly_agree_give_an_interval():
    # Leaving out any one seed leaves an interquartile mean of 8: methods that rest on that have 0 / 0.
    estimate, low, high = iqm_interval([8.0] * 7 + [7.0], rng=0)
    assert (estimate, high) == (8, 8)
    assert 7 < low < 8  # about 7 % of the resamples hold the 7 three times, and so once in their middle half


def test_infinite_seeds_leave_a_finite_estimate_and_an_infinite_bound():
    x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, INF, INF]
    estimate, low, high = iqm_interval(x, rng=0)
    assert estimate == 4.5
    # A resample holds 3 or more of the 2 in 8 with probability 0.32, far more than the tail of 2.5 %.
    assert np.isfinite(low) and high == INF


def test_resamples_that_mix_both_infinities_widen_the_interval():
    # The middle half of a resample holds -inf with probability 0.32, and inf as well with 0.05. Only if those
    # count on both sides do the lowest 30 % of the resamples, and the highest, end at an infinite one.
    interval = iqm_interval([-INF, -INF, 1.0, 2.0, 3.0, 4.0, INF, INF], confidence=0.4, rng=0)
    assert interval == (2.5, -INF, INF)


def test_one_seed_has_no_interval():
    estimate, low, high = iqm_interval([3.0], rng=0)
    assert estimate == 3 and np.isnan([low, high]).all()
    with pytest.raises(ValueError, match=r"n >= 1, got shape \(0,\)"):
        iqm_interval([], rng=0)


@pytest.mark.parametrize(("failures", "n"), [(0, 8), (3, 8), (8, 8), (17, 64)])
def test_wilson_interval_equals_the_closed_formula(failures, n):
    z, p = 1.959963984540054, failures / n  # the 97.5 % point of the normal distribution
    middle, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    expected = (p, (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n))
    np.testing.assert_allclose(wilson_interval(failures, n), expected, atol=1e-12)  # float64 rounding


@pytest.mark.parametrize(("failures", "n"), [(9, 8), (-1, 8), (0, 0)])
def test_wilson_interval_rejects_impossible_counts(failures, n):
    with pytest.raises(ValueError, match=f"got {failures} failures among {n}"):
        wilson_interval(failures, n)


@pytest.mark.parametrize(
    ("failures", "n", "defined"),
    [(2, 8, True), (3, 8, False), (1, 4, True), (1, 3, False), (0, 3, True), (1, 5, True), (2, 7, False)],
)
@pytest.mark.parametrize("worst", [0.0, INF])
def test_a_summary_is_undefined_when_more_than_a_quarter_failed(failures, n, defined, worst):
    values, failed = np.linspace(1, 2, n), flags(n, failures)
    summary = summarize(values, failed, worst=worst, rng=0)
    assert (summary.seeds, summary.failed, summary.defined) == (n, failures, defined)
    assert np.isfinite(summary.interval.estimate) == defined
    # NaN is a failure that nobody flagged.
    unflagged = summarize(np.where(failed, NAN, values), np.zeros(n), worst=worst, rng=0)
    np.testing.assert_equal(unflagged[:4], summary[:4])  # what was measured is another matter
    difference = summarize_difference(values, np.zeros(n), failed, np.zeros(n), worst=worst, rng=0)
    assert (difference.failed, difference.defined) == (failures, defined)


def test_an_undefined_summary_keeps_what_all_seeds_measured():
    values, failed = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, NAN]), flags(8, 5)
    summary = summarize(values, failed, worst=INF, rng=0)
    assert not summary.defined
    assert summary.measured == iqm_interval(np.where(np.isnan(values), INF, values), rng=0)  # of all 8, not of 2
    assert summary.measured.estimate == 4.5
    paired = summarize_difference(values, np.ones(8), failed, flags(8, 0), worst=INF, rng=0)
    assert (paired.failed, paired.defined, paired.measured.estimate) == (6, False, 3.5)
    np.testing.assert_equal(summarize(values, flags(8, 1), worst=INF, rng=0).measured, (NAN, NAN, NAN))


def test_a_failed_seed_enters_as_the_worst_value():
    values = np.array([NAN, 8.0, 7.0, 6.0])
    assert summarize(values, flags(4, 1), worst=0.0, rng=0).interval.estimate == 6.5  # of 0, 6, 7, 8
    assert summarize(values, flags(4, 1), worst=INF, rng=0).interval.estimate == 7.5  # of 6, 7, 8, inf


def test_a_difference_is_paired():
    rng = np.random.default_rng(6)
    level = 100 * rng.standard_normal(16)  # what the seeds share, and pairing removes
    a, b = level + 1 + 0.1 * rng.standard_normal(16), level
    fine = np.zeros(16, dtype=bool)
    summary = summarize_difference(a, b, fine, fine, worst=INF, rng=0)
    assert summary.interval == iqm_interval(a - b, rng=0)
    assert 0.9 < summary.interval.low < 1 < summary.interval.high < 1.1


@pytest.mark.parametrize(
    ("fails_a", "fails_b", "worst", "pair"),
    [
        (True, False, INF, INF),
        (False, True, INF, -INF),
        (True, True, INF, 0.0),
        (True, False, 0.0, -1.0),
        (False, True, 0.0, 3.0),
        (True, True, 0.0, 0.0),
    ],
)
def test_a_pair_with_a_failed_seed_enters_by_the_stated_rule(fails_a, fails_b, worst, pair):
    a, b = np.array([3.0, 5.0, 6.0, 9.0]), np.ones(4)
    summary = summarize_difference(a, b, flags(4, fails_a), flags(4, fails_b), worst=worst, rng=0)
    assert summary.interval.estimate == interquartile_mean([pair, 4.0, 5.0, 8.0])
    assert (summary.failed, summary.defined) == (1, True)


def test_a_pair_in_which_both_failed_counts_once():
    failed = flags(8, 2)
    summary = summarize_difference(np.ones(8), np.zeros(8), failed, failed, worst=INF, rng=0)
    assert (summary.failed, summary.defined) == (2, True)
    apart = summarize_difference(np.ones(8), np.zeros(8), failed, failed[::-1], worst=INF, rng=0)
    assert (apart.failed, apart.defined) == (4, False)


def test_summaries_reject_mismatched_seeds():
    with pytest.raises(ValueError, match=r"got shapes \(3,\) and \(2,\)"):
        summarize(np.ones(3), [False] * 2, worst=0.0, rng=0)
    with pytest.raises(ValueError, match=r"of one shape, got \(3,\), \(2,\), \(3,\), \(3,\)"):
        summarize_difference(np.ones(3), np.ones(2), [False] * 3, [False] * 3, worst=0.0, rng=0)
