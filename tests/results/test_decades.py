"""Slopes in decades: known ones are found, and nothing is fitted beyond a true zero."""

import numpy as np
import pytest

from jaxgan.results.decades import decades


@pytest.mark.parametrize("slope", [-2.5, 0.0, 0.7])
def test_an_exact_slope_is_found_at_even_and_at_log_spaced_steps(slope):
    for steps in (np.arange(1, 2001, 20), np.unique(np.geomspace(1, 2000, 100).round())):
        found = decades(steps, 3.0 * 10 ** (slope * steps / 1000))
        assert found.per_thousand == pytest.approx(slope, abs=1e-9)  # float64 rounding of logarithms up to 5
        assert found.total == pytest.approx(slope * (steps[-1] - steps[0]) / 1000, abs=1e-9)
        assert (found.first_zero, found.first_not_finite, found.points) == (None, None, len(steps))


def test_every_step_counts_alike_however_they_were_chosen():
    """A curve that bends: log-spaced steps of it give the slope of even ones, where unweighted they would not."""
    even, spaced = np.arange(1, 2001), np.unique(np.geomspace(1, 2000, 100).round())

    def norms(steps):
        return 10 ** (-np.minimum(steps, 100) / 50 - steps / 4000)

    exact = decades(even, norms(even)).per_thousand
    unweighted = 1000 * np.polyfit(spaced, np.log10(norms(spaced)), 1)[0]
    # 5 % of the slope: what half of the way to a neighbour misses of the bend
    assert decades(spaced, norms(spaced)).per_thousand == pytest.approx(exact, rel=0.05)
    assert abs(unweighted / exact - 1) > 0.5


def test_the_fit_ends_before_the_first_true_zero_and_names_its_step():
    steps = np.arange(1, 11)
    norms = 10.0 ** (-steps / 10)
    norms[6] = 0.0  # and then some more, which is no part of the slope
    found = decades(steps, norms)
    assert (found.first_zero, found.points) == (7, 6)
    assert found.per_thousand == pytest.approx(-100)


def test_what_is_not_finite_ends_it_too():
    found = decades([1, 2, 3, 4], [1.0, 0.1, np.nan, 0.0])
    assert (found.first_not_finite, found.first_zero, found.points) == (3, 4, 2)
    assert found.per_thousand == pytest.approx(-1000)
    assert decades([1, 2, 3], [1.0, 0.1, np.inf]).first_not_finite == 3


@pytest.mark.parametrize("norms", [[0.0, 0.0], [1.0, 0.0], [np.nan, 1.0]])
def test_fewer_than_two_points_have_no_slope(norms):
    found = decades([1, 2], norms)
    assert np.isnan(found.per_thousand) and np.isnan(found.total)
    assert found.points == sum(np.cumprod(np.asarray(norms) > 0))


def test_norms_as_small_as_float32_holds_are_no_zeros():
    found = decades([1, 1001], np.array([1e-38, 1e-44], np.float32))
    assert found.first_zero is None
    assert found.per_thousand == pytest.approx(-6, abs=0.05)  # 1e-44 has a digit and a half in float32


@pytest.mark.parametrize(
    ("steps", "norms", "message"),
    [
        ([], [], "n > 0"),
        ([1, 2], [1.0], "shapes"),
        ([[1]], [[1.0]], "shapes"),
        ([2, 1], [1.0, 1.0], "increase"),
        ([1, 1], [1.0, 1.0], "increase"),
        ([1, 2], [1.0, -1.0], "at least 0"),
    ],
)
def test_bad_input_is_refused(steps, norms, message):
    with pytest.raises(ValueError, match=message):
        decades(steps, norms)
