"""Paired tests by brute force and by scipy's own, Holm's correction, and what so few seeds can show."""

import itertools

import numpy as np
import pytest
from scipy import stats

from jaxgan.results.statistics import (
    compare_failures,
    compare_pairs,
    holm,
    seeds_for_p,
    signed_rank_p,
    smallest_p,
    summarize_difference,
    wilson_interval,
)

INF, NAN = float("inf"), float("nan")


def brute_force(differences):
    ranks = stats.rankdata(np.abs(differences))
    signs = np.array(list(itertools.product((-1, 1), repeat=len(differences))))
    sums = signs @ (np.abs(np.sign(differences)) * ranks)
    return min(1.0, 2 * np.mean(sums >= abs(np.sign(differences) @ ranks) - 1e-9))


@pytest.mark.parametrize("n", [1, 2, 5, 8, 11])
def test_the_p_value_is_that_of_all_signs(n):
    rng = np.random.default_rng(n)
    for differences in (rng.normal(0.5, 1, n), rng.integers(-2, 4, n).astype(float)):  # the latter with ties and zeros
        assert signed_rank_p(differences) == pytest.approx(brute_force(differences), rel=1e-12)


def test_without_ties_it_is_wilcoxons():
    for x in np.random.default_rng(0).normal(0.4, 1, (20, 10)):
        assert signed_rank_p(x) == pytest.approx(stats.wilcoxon(x, method="exact").pvalue, rel=1e-9)


def test_it_is_scipys_permutation_test_with_ties_and_zeros():
    for x in list(np.random.default_rng(0).integers(-3, 5, (10, 9)).astype(float)):
        ranks = np.sign(x) * stats.rankdata(np.abs(x))
        found = stats.permutation_test((ranks,), np.sum, permutation_type="samples", vectorized=True)
        assert signed_rank_p(x) == pytest.approx(found.pvalue, rel=1e-9)  # float64 rounding


def test_many_seeds_are_exact_too():
    x = np.random.default_rng(1).normal(0.1, 1, 300)
    assert signed_rank_p(x) == pytest.approx(stats.wilcoxon(x, method="approx").pvalue, rel=0.05)  # asymptotic
    assert signed_rank_p(np.arange(1.0, 61)) == 2.0**-59


def test_infinite_differences_are_the_largest():
    x = np.array([1.0, -2.0, 3.0, 4.0, 5.0, 6.0])
    assert signed_rank_p([*x, INF]) == signed_rank_p([*x, 1e9])
    assert signed_rank_p([*x, -INF]) > signed_rank_p([*x, INF])


@pytest.mark.parametrize("wrong", [[], [NAN, 1.0], [[1.0]]])
def test_wrong_differences_are_named(wrong):
    with pytest.raises(ValueError, match="expected differences"):
        signed_rank_p(wrong)


def test_the_false_alarms_are_as_many_as_promised():
    """Under the hypothesis p <= alpha has probability alpha at most, failures and ties included."""
    rng = np.random.default_rng(0)
    for draw in (rng.standard_cauchy, lambda size: rng.integers(-3, 4, size)):
        p = np.array([signed_rank_p(x) for x in np.asarray(draw((400, 8)))])
        assert np.mean(p <= 0.05) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 400)  # four standard errors


def test_a_comparison_is_the_difference_and_its_p_value():
    rng = np.random.default_rng(0)
    a, b = rng.normal(2, 1, 8), rng.normal(0, 1, 8)
    fine, one = np.zeros(8, bool), np.arange(8) == 3
    found = compare_pairs(a, b, fine, one, worst=INF, rng=0)
    assert found.difference == summarize_difference(a, b, fine, one, worst=INF, rng=0).interval
    assert found.p == signed_rank_p(np.where(one, -INF, a - b))
    assert (found.seeds, found.failed, found.smallest_p, found.sign) == (8, 1, 2 / 256, 1)
    assert compare_pairs(b, a, one, fine, worst=INF, rng=0).sign == -1


def test_where_too_many_failed_the_test_still_tells():
    values, fails, fine = np.ones(8), np.ones(8, bool), np.zeros(8, bool)
    found = compare_pairs(values, values, fails, fine, worst=INF, rng=0)
    assert np.isnan(found.difference).all() and (found.p, found.sign) == (2 / 256, 1)
    everyone = compare_pairs(values, values, fails, fails, worst=INF, rng=0)
    assert (everyone.p, everyone.failed, everyone.sign) == (1.0, 8, 0)
    single = compare_pairs([1.0], [2.0], [False], [False], worst=0.0, rng=0)
    assert (single.p, single.smallest_p) == (1.0, 1.0) and np.isnan(single.difference.low)


def test_holm_against_its_definition():
    """Step down: the k-th smallest of m is rejected while each up to it is at most alpha / (m - k)."""
    rng = np.random.default_rng(0)
    for p in list(rng.random((50, 6)) ** 3):
        adjusted, order = holm(p), sorted(range(6), key=lambda i: p[i])
        for alpha in (0.01, 0.05, 0.2):
            rejected = set()
            for k, i in enumerate(order):
                if p[i] > alpha / (6 - k):
                    break
                rejected.add(i)
            assert set(np.flatnonzero(adjusted <= alpha)) == rejected
    assert holm([]).shape == (0,)
    np.testing.assert_array_equal(holm([0.01, NAN]), [0.02, NAN])
    assert holm([0.9, 0.8]).max() == 1.0


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.0078125])
@pytest.mark.parametrize("comparisons", [1, 3, 16, 100])
def test_the_fewest_seeds_that_can_reach_alpha(alpha, comparisons):
    n = seeds_for_p(alpha, comparisons)
    assert smallest_p(n) * comparisons <= alpha < smallest_p(n - 1) * comparisons
    assert signed_rank_p(np.arange(1.0, min(n, 12) + 1)) == smallest_p(min(n, 12))


def test_wrong_numbers_of_seeds_and_comparisons_are_named():
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        smallest_p(0)
    with pytest.raises(ValueError, match="alpha must be between 0 and 1, got 1"):
        seeds_for_p(1)
    with pytest.raises(ValueError, match="comparisons must be at least 1, got 0"):
        seeds_for_p(0.05, 0)


def test_failures_are_compared_by_those_that_failed_alone():
    a = np.array([1, 1, 1, 1, 1, 0, 0, 0, 1, 0], bool)
    b = np.array([0, 0, 0, 0, 1, 1, 0, 0, 0, 0], bool)
    found = compare_failures(a, b)
    assert found.p == pytest.approx(2 * stats.binom.cdf(1, 6, 0.5), rel=1e-12)  # 5 alone against 1
    assert found.difference.estimate == pytest.approx(0.6 - 0.2) and found.failed == 7
    mirrored = compare_failures(b, a)
    np.testing.assert_allclose(mirrored.difference, [-x for x in np.array(found.difference)[[0, 2, 1]]], atol=1e-12)


def test_newcombes_interval_of_his_own_example():
    """Newcombe (1998, Statistics in Medicine 17, 2635), table II, method 10: 36, 12, 2, 0 of 50 pairs."""
    a, b = (np.repeat([1, 1, 0, 0], (36, 12, 2, 0)), np.repeat([1, 0, 1, 0], (36, 12, 2, 0)))
    np.testing.assert_allclose(compare_failures(a, b).difference, (0.2, 0.0569, 0.3404), atol=5e-5)  # as printed


def test_without_correlation_the_interval_is_that_of_two_shares():
    a, b = np.repeat([1, 0], 8).astype(bool), np.tile([1, 0], 8).astype(bool)
    (pa, la, ua), (pb, lb, ub) = wilson_interval(8, 16), wilson_interval(8, 16)
    low = -np.sqrt((pa - la) ** 2 + (ub - pb) ** 2)
    np.testing.assert_allclose(compare_failures(a, b).difference, (0, low, -low), atol=1e-12)  # symmetric here
    assert ua - pa == pytest.approx(pb - lb)


def test_all_and_none_failed():
    everyone, nobody = np.ones(8, bool), np.zeros(8, bool)
    found = compare_failures(everyone, nobody)
    assert (found.p, found.smallest_p, found.sign) == (2 / 256, 2 / 256, 1)
    assert 0.4 < found.difference.low < found.difference.estimate == found.difference.high == 1
    assert compare_failures(nobody, nobody).p == 1
    low, high = compare_failures(nobody, nobody).difference[1:]
    assert low == -high < 0  # that none of 8 failed does not say that none will
    with pytest.raises(ValueError, match=r"of one shape \[n\], n >= 1, got \(2,\) and \(3,\)"):
        compare_failures([True] * 2, [True] * 3)
