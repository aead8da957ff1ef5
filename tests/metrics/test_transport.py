"""Wasserstein distances against closed forms and SciPy's."""

import jax
import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from jaxgan.metrics.frechet import frechet_distance, moments
from jaxgan.metrics.transport import sliced_wasserstein, wasserstein2

KEY = jax.random.key(0)


@pytest.mark.parametrize("d", [1, 3, 20])
def test_a_shift_counts_its_square_over_d(d: int) -> None:
    x, s = np.random.default_rng(0).normal(size=(50, d)), np.linspace(1, 2, d)
    found = sliced_wasserstein(KEY, x + s, x)
    assert found.squared == pytest.approx(s @ s / d, abs=4 * found.standard_error + 1e-12)
    assert found.mind == pytest.approx(3 * d * found.squared, rel=1e-12)
    assert wasserstein2(x + s, x) == pytest.approx(np.sqrt(s @ s), rel=1e-12)  # float64 rounding
    assert sliced_wasserstein(KEY, x, x[::-1]).squared == 0 == wasserstein2(x, x[::-1])


def test_a_scale_of_even_points() -> None:
    """W2 between x and a x on any line is |a - 1| times the root mean square along it."""
    x = np.random.default_rng(0).normal(size=(400, 6))
    found = sliced_wasserstein(KEY, 3 * x, x, directions=4000)
    exact = 4 * np.mean(np.sum(x**2, axis=1)) / 6  # the mean over directions of (u.x)^2 is |x|^2 / d
    assert found.squared == pytest.approx(exact, abs=4 * found.standard_error)
    assert found.standard_error < 0.01 * exact


@pytest.mark.parametrize(("n", "m"), [(2, 3), (6, 4), (10, 10), (1, 7), (12, 5)])
def test_unequal_numbers_are_integrated_exactly(n: int, m: int) -> None:
    """As of each point copied to the common multiple; on a line there is but one direction."""
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(n, 1)), 1 + 2 * rng.normal(size=(m, 1))
    common = np.lcm(n, m)
    copied = [np.sort(np.repeat(a.ravel(), common // len(a))) for a in (x, y)]
    assert sliced_wasserstein(KEY, x, y).squared == pytest.approx(np.mean((copied[0] - copied[1]) ** 2), rel=1e-12)
    # W1 of the same two, by SciPy, bounds it from below.
    assert sliced_wasserstein(KEY, x, y).squared >= wasserstein_distance(x.ravel(), y.ravel()) ** 2 * (1 - 1e-12)


def test_the_directions_are_of_the_key_and_in_blocks() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 30, 4))
    one = sliced_wasserstein(KEY, x, y)
    assert one == sliced_wasserstein(KEY, x, y) != sliced_wasserstein(jax.random.key(1), x, y)
    other = sliced_wasserstein(jax.random.key(1), x, y)
    assert abs(one.squared - other.squared) < 5 * one.standard_error
    assert np.isnan(sliced_wasserstein(KEY, x, y, directions=1).standard_error)


def test_the_assignment_is_the_best_of_all() -> None:
    from itertools import permutations

    x, y = np.random.default_rng(0).normal(size=(2, 6, 2))
    costs = [np.mean(np.sum((x - y[list(p)]) ** 2, axis=1)) for p in permutations(range(6))]
    assert wasserstein2(x, y) == pytest.approx(np.sqrt(min(costs)), rel=1e-12)


def test_frechet_bounds_the_exact_distance_from_below() -> None:
    """Gelbrich: no two distributions with these moments are nearer; for an affine image they are as near."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 3)), rng.exponential(size=(200, 3))
    scale = 199 / 200  # covariances of the samples themselves are divided by n
    a, b = (m._replace(covariance=m.covariance * scale) for m in map(moments, (x, y)))
    assert frechet_distance(a, b) < wasserstein2(x, y) ** 2
    stretched = x * [1.0, 2.0, 3.0] + 1
    c = moments(stretched)
    assert frechet_distance(a, c._replace(covariance=c.covariance * scale)) < wasserstein2(x, stretched) ** 2 + 1e-9
    # a symmetric positive map is the optimal one (Brenier)
    optimal = np.mean(np.sum((x - stretched) ** 2, axis=1))
    assert wasserstein2(x, stretched) ** 2 == pytest.approx(optimal, rel=1e-9)


def test_bad_input_is_refused() -> None:
    x = np.zeros((5, 2))
    with pytest.raises(ValueError, match="at most 5,000, got 5 and 4"):
        wasserstein2(x, x[:4])
    with pytest.raises(ValueError, match="at most 5,000, got 5,001 and 5,001"):
        wasserstein2(np.zeros((5001, 1)), np.zeros((5001, 1)))
    with pytest.raises(ValueError, match="directions must be"):
        sliced_wasserstein(KEY, x, x, directions=0)
    with pytest.raises(ValueError, match="1 of 5 rows"):
        sliced_wasserstein(KEY, x, np.vstack([x[:4], [[np.nan, 0]]]))
