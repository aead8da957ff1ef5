"""What a search found, by brute force over all draws, and that choosing by one half is no gain on the other."""

import itertools

import numpy as np
import pytest

from jaxgan.results.statistics import budget_curve, select_by_halves

INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_the_expected_best_is_the_mean_over_all_draws(higher_is_better):
    scores = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0]
    best = max if higher_is_better else min
    found = budget_curve(scores, higher_is_better=higher_is_better)
    expected = [np.mean([best(draw) for draw in itertools.combinations(scores, b)]) for b in range(1, 7)]
    np.testing.assert_allclose(found.best, expected, rtol=1e-12)  # float64 rounding
    assert found.budgets.tolist() == [1, 2, 3, 4, 5, 6]
    assert (found.low[:-1] <= found.best[:-1]).all() and (found.best[:-1] <= found.high[:-1]).all()
    assert np.isnan([found.low[-1], found.high[-1]]).all()  # no configuration is left to vary


def test_of_one_configuration_the_interval_is_students():
    from scipy import stats

    scores = np.random.default_rng(0).normal(size=12)
    found = budget_curve(scores, higher_is_better=False, budgets=[1])
    reach = stats.t.ppf(0.975, 11) * scores.std(ddof=1) / np.sqrt(12)
    np.testing.assert_allclose([found.low[0], found.high[0]], scores.mean() + reach * np.array([-1, 1]), rtol=1e-9)


def test_failures_are_the_worst_while_they_can_be_drawn_together():
    found = budget_curve([INF, INF, 1.0, 2.0, 3.0], higher_is_better=False)
    assert found.best[:2].tolist() == [INF, INF] and np.isfinite(found.best[2:]).all()
    draws = itertools.combinations([INF, INF, 1.0, 2.0, 3.0], 3)
    assert found.best[2] == pytest.approx(np.mean([min(draw) for draw in draws]))
    assert budget_curve([INF] * 3, higher_is_better=False).best.tolist() == [INF] * 3
    assert budget_curve([2.0], higher_is_better=True).best.tolist() == [2.0]


def test_the_weights_of_many_configurations_add_up():
    found = budget_curve(np.ones(2_000), higher_is_better=True, budgets=[1, 50, 1_000, 2_000])
    np.testing.assert_allclose(found.best, 1.0, rtol=1e-9)  # of logarithms of factorials near 1e4


def test_wrong_budgets_and_scores_are_named():
    with pytest.raises(ValueError, match=r"from 1 to the number of configurations, 2, got \[3\]"):
        budget_curve([1.0, 2.0], higher_is_better=True, budgets=[3])
    with pytest.raises(ValueError, match="expected scores without NaN"):
        budget_curve([1.0, NAN], higher_is_better=True)


def test_choosing_among_equals_gains_nothing_on_the_other_half():
    """16 configurations that are alike: the best looks better by the largest of 16, and is not."""
    rng, found = np.random.default_rng(0), []
    for x in rng.normal(size=(60, 16, 16)):
        found.append(select_by_halves(x, higher_is_better=True, splits=20, rng=rng))
    other = np.array([one.other for one in found])
    assert abs(other.mean()) < 4 * other.std() / np.sqrt(len(other))  # four standard errors
    # An interquartile mean of 8 has a standard deviation near 0.38; the largest of 16 normal values is near 1.77.
    assert np.mean([one.selecting for one in found]) == pytest.approx(1.77 * 0.38, rel=0.15)
    assert all(one.gain.estimate == pytest.approx(one.selecting - one.other) for one in found)
    assert all(one.gain.low < one.gain.estimate < one.gain.high for one in found)


def test_a_clear_winner_is_chosen_always():
    x = np.random.default_rng(0).normal(size=(4, 8))
    x[2] -= 100
    found = select_by_halves(x, higher_is_better=False, rng=0)
    assert found.chosen == 2 and found.shares.tolist() == [0, 0, 1, 0]
    assert found.selecting == pytest.approx(found.other, abs=1) and found.gain.estimate == pytest.approx(
        found.other - found.selecting
    )


def test_the_average_is_that_over_all_halves():
    x = np.random.default_rng(0).normal(size=(3, 4))
    gains = []
    for first in itertools.combinations(range(4), 2):
        second = [i for i in range(4) if i not in first]
        chosen = int(np.argmax(x[:, first].mean(axis=1)))
        gains.append(x[chosen, first].mean() - x[chosen, second].mean())
    found = select_by_halves(x, higher_is_better=True, splits=4_000, rng=0)
    assert found.gain.estimate == pytest.approx(np.mean(gains), abs=4 * np.std(gains) / np.sqrt(4_000))


def test_failed_seeds_and_few_seeds():
    x = np.stack([np.full(8, 2.0), np.full(8, 1.0)])
    x[1, :3] = INF  # three of eight: the other half has two of four or more where the first has one or none
    found = select_by_halves(x[:1], higher_is_better=False, rng=0)
    assert found.chosen == 0 and found.gain == (0.0, 0.0, 0.0)
    found = select_by_halves(x, higher_is_better=False, rng=0)
    assert found.selecting < 2 and found.other == found.gain.estimate == INF  # chosen by luck, and it shows
    everyone = select_by_halves(np.full((2, 8), INF), higher_is_better=False, rng=0)
    assert (everyone.selecting, everyone.other, everyone.gain.estimate) == (INF, INF, 0.0)
    assert np.isnan(select_by_halves(np.ones((2, 3)), higher_is_better=True, rng=0).gain.low)
    with pytest.raises(ValueError, match="at least two seeds, one for each half, got 1"):
        select_by_halves([[1.0]], higher_is_better=True, rng=0)
    with pytest.raises(ValueError, match="expected values without NaN"):
        select_by_halves([[1.0, NAN]], higher_is_better=True, rng=0)


def test_a_selection_is_a_function_of_the_seed():
    x = np.random.default_rng(0).normal(size=(5, 12))
    one, same, other = (select_by_halves(x, higher_is_better=True, rng=seed) for seed in (0, 0, 1))
    assert one.gain == same.gain and one.gain != other.gain
