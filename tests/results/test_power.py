"""Power against closed forms and brute force, and the number of seeds that it asks for."""

import itertools

import numpy as np
import pytest
from scipy import stats

from jaxgan.results.statistics import (
    compare_failures,
    power_of_difference,
    power_of_rates,
    seeds_for_difference,
    seeds_for_p,
    seeds_for_rates,
    signed_rank_p,
)


def test_the_simulation_makes_the_test_of_the_study():
    rng = np.random.default_rng(0)
    own = np.mean([signed_rank_p(x) <= 0.05 for x in list(rng.normal(0.9, 1, (600, 9)))])
    power = power_of_difference(0.9, 9, rng=1)
    assert power == pytest.approx(own, abs=4 * np.sqrt(0.25 / 600))  # four standard errors


def test_at_the_fewest_seeds_all_signs_have_to_agree():
    """6 seeds reach 2/64 only when all differences have one sign: P(N(d, 1) > 0)^6 and the same for the other."""
    expected = stats.norm.cdf(1.0) ** 6 + stats.norm.cdf(-1.0) ** 6
    assert power_of_difference(1.0, 6, rng=0) == pytest.approx(expected, abs=4 * np.sqrt(0.25 / 10_000))
    assert power_of_difference(5.0, 5, rng=0) == 0


def test_of_many_seeds_it_is_that_of_ranks():
    """The signed ranks' efficiency with respect to the t-test of normal values is 3 / pi (Hodges and Lehmann 1956)."""
    d = 0.2
    for n in (200, 201):  # simulated, and by that formula
        expected = stats.norm.cdf(d * np.sqrt(3 / np.pi * n) - 1.959964)
        assert power_of_difference(d, n, rng=0) == pytest.approx(expected, abs=0.02)  # four standard errors


@pytest.mark.parametrize(("p1", "p2", "n"), [(0.9, 0.2, 7), (0.5, 0.1, 6), (1.0, 0.5, 8)])
def test_the_power_of_rates_by_all_outcomes(p1, p2, n):
    """All numbers of seeds that failed alone, by the p-value of `compare_failures` itself."""
    first, second = p1 * (1 - p2), p2 * (1 - p1)
    total = 0.0
    for b, c in itertools.product(range(n + 1), repeat=2):
        if b + c <= n:
            a_fails, b_fails = np.arange(n) < b, (np.arange(n) >= b) & (np.arange(n) < b + c)
            if compare_failures(a_fails, b_fails).p <= 0.05:
                total += stats.multinomial.pmf([b, c, n - b - c], n, [first, second, 1 - first - second])
    assert power_of_rates(p1, p2, n) == pytest.approx(total, rel=1e-9)  # float64 rounding


@pytest.mark.parametrize("comparisons", [1, 4])
def test_the_number_of_seeds_is_where_the_power_is_reached(comparisons):
    n = seeds_for_rates(0.6, 0.2, comparisons=comparisons)
    assert n is not None and n > seeds_for_p(0.05, comparisons)
    reached = [power_of_rates(0.6, 0.2, k, comparisons=comparisons) for k in (n - 1, n)]
    assert reached[0] < 0.8 <= reached[1]
    m = seeds_for_difference(0.8, comparisons=comparisons, rng=0)
    assert m is not None and power_of_difference(0.8, m, comparisons=comparisons, rng=1) == pytest.approx(0.8, abs=0.04)


def test_more_is_asked_for_by_smaller_differences_and_more_comparisons():
    few = [seeds_for_difference(d, rng=0) or 0 for d in (2.0, 1.0, 0.5)]
    assert few == sorted(few) and few[0] >= 6
    assert (seeds_for_difference(1.0, comparisons=10, rng=0) or 0) > few[1]
    assert (seeds_for_rates(0.5, 0.1, power=0.9) or 0) > (seeds_for_rates(0.5, 0.1) or 0)
    assert seeds_for_rates(1.0, 0.0) == 6 and seeds_for_difference(-1.0, rng=0) == few[1]


def test_more_than_ten_thousand_seeds_are_not_counted():
    assert seeds_for_rates(0.5, 0.499) is None
    assert seeds_for_difference(0.01, rng=0) is None
    assert power_of_rates(0.5, 0.0, 3) == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: power_of_difference(0.0, 8, rng=0), "other than 0, got 0"),
        (lambda: power_of_difference(float("nan"), 8, rng=0), "got nan"),
        (lambda: power_of_difference(1.0, 0, rng=0), "seeds must be at least 1, got 0"),
        (lambda: power_of_rates(0.1, 1.1, 8), "two failure rates from 0 to 1, got 0.1 and 1.1"),
        (lambda: seeds_for_rates(0.2, 0.2), "got 0.2 and 0.2"),
        (lambda: seeds_for_rates(0.2, 0.3, power=1.0), "power must be between 0 and 1, got 1.0"),
        (lambda: seeds_for_rates(0.2, 0.3, alpha=0.0), "alpha must be between 0 and 1, got 0.0"),
        (lambda: seeds_for_rates(0.2, 0.3, comparisons=0), "comparisons must be at least 1, got 0"),
    ],
)
def test_wrong_numbers_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
