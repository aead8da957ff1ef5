"""Bootstrap intervals over configurations x seeds, against scipy's and closed forms."""

import itertools
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy import stats

from jaxgan.results.statistics import iqm_interval, stratified_interval
from jaxgan.results.statistics.bootstrap import percentile_bounds, replicates, tail_share

INF = float("inf")


def test_seeds_are_resampled_within_their_configuration():
    x = np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])
    found = replicates(x, lambda samples: samples, 2_000, np.random.default_rng(0))
    assert found.shape == (2_000, 2, 3)
    for own, samples in zip(x, found.transpose(1, 0, 2), strict=True):
        assert set(samples.ravel()) == set(own)
        # each value's share is 1/3, +- 4 standard errors of 6,000 draws
        assert np.mean(samples == own[0]) == pytest.approx(1 / 3, abs=4 * np.sqrt(2 / 9 / 6_000))


def test_replicates_in_chunks_are_those_of_one_call(monkeypatch):
    x = np.random.default_rng(0).normal(size=(3, 4))
    whole = replicates(x, lambda s: s.mean(axis=(-2, -1)), 50, np.random.default_rng(1))
    monkeypatch.setattr("jaxgan.results.statistics.bootstrap._AT_ONCE", 12 * 7)
    np.testing.assert_array_equal(replicates(x, lambda s: s.mean(axis=(-2, -1)), 50, np.random.default_rng(1)), whole)


@pytest.mark.parametrize("statistic", ["interquartile mean", "median", "mean"])
def test_one_configuration_of_scipys_statistic(statistic):
    x = np.random.default_rng(0).normal(size=(1, 40))
    estimate, low, high = stratified_interval(x, statistic, rng=0)
    known: dict[str, Any] = {"interquartile mean": partial(stats.trim_mean, proportiontocut=0.25), "median": np.median,
                             "mean": np.mean}  # fmt: skip
    function = known[statistic]
    assert estimate == pytest.approx(function(x[0], axis=0), rel=1e-12)  # float64 rounding
    reference = stats.bootstrap(x, function, method="percentile", rng=1).confidence_interval
    # sqrt(40 / 39) widens by 1.3 %; both ends' replicates have a standard error near 0.01.
    np.testing.assert_allclose((low, high), reference, atol=0.05)


def test_the_median_of_every_resample_of_three_seeds():
    """27 equally likely samples, of which the median is the least or the greatest in 7 each."""
    x = np.array([[1.0, 2.0, 5.0]])
    every = [np.median(x[0, list(index)]) for index in itertools.product(range(3), repeat=3)]
    assert [every.count(value) for value in x[0]] == [7, 13, 7]
    assert stratified_interval(x, "median", confidence=0.5, rng=0)[1:] == (1.0, 5.0)  # 7/27 is more than the tail
    # 25 % at each end would do for that; of 20 % confidence the 37.8 % there lie within the middle 13/27
    assert stratified_interval(x, "median", confidence=0.2, rng=0)[1:] == (2.0, 2.0)


def test_the_mean_of_normal_values_has_students_interval():
    """Studentized replicates of normal values are t's, so that the widths agree on the average."""
    rng, widths = np.random.default_rng(0), []
    for x in rng.normal(size=(200, 1, 16)):
        _, low, high = stratified_interval(x, "mean", resamples=999, rng=rng)
        own = 2 * stats.t.ppf(0.975, 15) * x.std(ddof=1) / 4
        widths.append((high - low) / own)
    assert np.mean(widths) == pytest.approx(1, abs=0.05)  # the bootstrap's own tails make it 2 % wider


def test_more_configurations_narrow_the_interval_by_the_root_of_their_number():
    x = np.random.default_rng(0).normal(size=(16, 8))
    one = np.mean([np.diff(stratified_interval(row[None], "mean", resamples=999, rng=0)[1:]) for row in x])
    together = np.diff(stratified_interval(x, "mean", resamples=999, rng=0)[1:])
    # a t of 7 degrees of freedom reaches 2.36, one of 112 reaches 1.98
    assert float(together[0] / one) == pytest.approx(1.98 / 2.36 / 4, rel=0.15)


def test_a_configurations_level_does_not_widen_the_interval():
    x = np.random.default_rng(0).normal(size=(4, 8))
    shifted = x + 1_000 * np.arange(4)[:, None]
    own, moved = (np.diff(stratified_interval(y, "mean", rng=0)[1:])[0] for y in (x, shifted))
    assert moved == pytest.approx(own, rel=1e-6)  # rounding of numbers near 1,000


def test_the_mean_of_seeds_that_nearly_agree_is_finite():
    """Of most resamples all values are 8, and have no spread to be divided by."""
    estimate, low, high = stratified_interval([[8.0] * 7 + [7.0]], "mean", rng=0)
    assert estimate == 7.875
    assert 7 < low < estimate < high == 8


@pytest.mark.parametrize(("statistic", "finite"), [("interquartile mean", True), ("median", True), ("mean", False)])
def test_infinities(statistic, finite):
    found = stratified_interval([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, INF]], statistic, rng=0)
    assert np.isfinite(found.estimate) == finite
    assert np.isfinite(found.low) and found.high >= found.estimate
    assert stratified_interval([[INF] * 4], statistic, rng=0) == (INF, INF, INF)


def test_one_seed_nan_and_wrong_input():
    assert stratified_interval([[1.0], [3.0]], "mean", rng=0).estimate == 2.0
    assert np.isnan(stratified_interval([[1.0], [3.0]], "mean", rng=0)[1:]).all()
    assert np.isnan(stratified_interval([[1.0, float("nan")]], "median", rng=0)).all()
    with pytest.raises(ValueError, match=r"\[configuration, seed\], at least one of each, got shape \(3,\)"):
        stratified_interval([1.0, 2.0, 3.0], rng=0)
    with pytest.raises(ValueError, match="statistic must be one of interquartile mean, median, mean, got 'mode'"):
        stratified_interval([[1.0, 2.0]], "mode", rng=0)


def test_the_iqm_is_the_stratified_one_of_one_configuration():
    x = np.random.default_rng(0).normal(size=(1, 8))
    assert stratified_interval(x, rng=0) == iqm_interval(x[0], rng=0)


def test_tails_are_those_of_a_variance_that_is_too_small():
    # Replicates of variance (n - 1) / n with quantile Phi^-1(share) reach as far as 1.96 of the full variance.
    for n in (2, 8, 100):
        reached = -stats.norm.ppf(tail_share(n, 0.95)) * np.sqrt((n - 1) / n)
        assert reached == pytest.approx(1.959964, rel=1e-6)  # as many digits


def test_a_replicate_that_could_be_anything_counts_at_both_ends():
    low, high = percentile_bounds([1.0, float("nan"), 2.0, 3.0], 1_000, 0.95)
    assert (low, high) == (-INF, INF)
