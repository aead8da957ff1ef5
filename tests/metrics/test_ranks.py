"""Ranks against SciPy's, and nearest neighbours against distances that are taken one by one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import mannwhitneyu

from jaxgan.metrics.neighbours import (
    distinctness,
    memorization,
    memorization_of,
    own_neighbours,
    squared_distances,
)
from jaxgan.metrics.ranks import superiority


def test_superiority_is_the_u_statistic():
    """U / (n m), ties as halves."""
    rng = np.random.default_rng(0)
    for n, m in [(1, 1), (7, 3), (50, 80)]:
        a, b = rng.integers(0, 10, n).astype(float), rng.integers(3, 12, m).astype(float)
        expected = mannwhitneyu(a, b).statistic / (n * m)
        assert superiority(a, b) == pytest.approx(expected, abs=1e-6)  # float32
        assert superiority(b, a) == pytest.approx(1 - expected, abs=1e-6)


def test_superiority_of_one_distribution_has_the_known_spread():
    """sqrt((n + m + 1) / (12 n m)) = 0.0409 for 100 values each; 2,000 draws know it to 2 %."""
    keys = jax.random.split(jax.random.key(0), 2000)
    found = jax.vmap(lambda key: superiority(*jax.random.normal(key, (2, 100))))(keys)
    assert jnp.mean(found) == pytest.approx(0.5, abs=4 * 0.0409 / 2000**0.5)
    assert jnp.std(found) == pytest.approx(0.0409, rel=0.07)


def test_superiority_has_no_scale_and_no_value_of_nothing():
    a, b = jnp.array([1.0, 5.0]), jnp.array([2.0, 3.0, 4.0])
    assert superiority(a, b) == superiority(jnp.exp(a), jnp.exp(b)) == 0.5
    assert superiority(jnp.array([jnp.inf]), b) == 1.0
    assert jnp.isnan(superiority(jnp.array([jnp.nan, 1.0]), b)) and jnp.isnan(superiority(a, jnp.array([jnp.nan])))


def test_distances_are_those_of_scipy():
    x, y = np.random.default_rng(0).normal(size=(2, 40, 5)) + 100.0  # far from 0: sums are taken around the mean
    np.testing.assert_allclose(squared_distances(jnp.array(x), jnp.array(y)), cdist(x, y) ** 2, rtol=1e-3, atol=1e-3)
    all_pairs = cdist(x, x) + np.diag(np.full(40, np.inf))
    np.testing.assert_allclose(own_neighbours(x), all_pairs.min(axis=1) ** 2, rtol=1e-3, atol=1e-3)


def test_distinctness_is_low_for_twins_and_high_for_spread():
    rng = np.random.default_rng(0)
    real, other = rng.normal(size=(2, 200, 2))
    assert distinctness(other, real) == pytest.approx(0.5, abs=0.1)  # 4 standard deviations of about 0.03
    assert distinctness(np.zeros_like(real), real) == 0.0
    assert distinctness(np.repeat(other[:100], 2, axis=0), real) == 0.0  # each has its twin
    assert distinctness(10 * other, real) > 0.95


@pytest.mark.parametrize("shapes", [((3, 2), (4, 2)), ((3,), (3,)), ((1, 2), (1, 2))])
def test_distinctness_refuses_what_cannot_be_compared(shapes):
    with pytest.raises(ValueError, match="expected samples and real examples"):
        distinctness(*map(np.zeros, shapes))


def test_memorization_is_nothing_for_fresh_samples_and_all_for_copies():
    """Fresh ones are nearest to a training example as often as there are more of them."""
    rng = np.random.default_rng(0)
    train, heldout, fresh = rng.normal(size=(300, 3)), rng.normal(size=(100, 3)), rng.normal(size=(2000, 3))

    def share(x):
        return np.mean(cdist(x, train).min(axis=1) < cdist(x, heldout).min(axis=1))

    # 4 standard deviations of the share, sqrt(0.75 x 0.25 / 2000), in units of 1 - 3/4; and those of the two sets.
    assert memorization(share(fresh), 300, 100) == pytest.approx(0.0, abs=0.2)
    assert memorization(share(train), 300, 100) == 1.0
    assert memorization(np.array([0.75, 1.0]), 300, 100).tolist() == [0.0, 1.0]


def test_memorization_of_features_is_that_of_their_share():
    rng = np.random.default_rng(0)
    for offset in (0.0, 1e4):  # far from the origin, where |x|^2 - 2 x.y + |y|^2 cancels
        train, heldout = (offset + rng.normal(size=(n, 3)) for n in (300, 100))
        x = np.concatenate([offset + rng.normal(size=(150, 3)), train[:50]])
        nearer = cdist(x, train).min(axis=1) < cdist(x, heldout).min(axis=1)
        found = memorization_of(x, train, heldout)
        assert found == pytest.approx(float(memorization(nearer.mean(), 300, 100)), rel=1e-12)
        assert memorization_of(train, train, heldout) == 1.0
        assert memorization_of(train + 1e-6, train, heldout) == 1.0
        assert memorization_of(heldout, train, heldout) == pytest.approx(-3.0)  # share 0: -s0 / (1 - s0)
        x32, t32, h32 = (part.astype(np.float32) for part in (x, train, heldout))
        assert memorization_of(x32, t32, h32) == memorization_of(*(np.float64(part) for part in (x32, t32, h32)))


def test_ties_of_memorization_count_half():
    both = np.random.default_rng(0).normal(size=(20, 2))
    assert memorization_of(both, both, both) == 0.0
    lattice = np.stack(np.meshgrid(np.arange(4.0), np.arange(4.0)), axis=-1).reshape(-1, 2) + 1e3
    # Every midpoint is as near to the next point of one set as to that of the other.
    assert memorization_of(lattice + np.array([0.5, 0.0]), lattice, lattice + np.array([1.0, 0.0])) == 0.0


def test_memorization_without_held_out_examples_is_undefined():
    assert np.isnan(memorization(1.0, train=10, heldout=0))
    assert memorization(0.0, train=0, heldout=10) == 0.0
    x = np.zeros((5, 2))
    for heldout, message in [(x[:0], "n >= 1"), (x[:, :1], "same dimension"), (x + np.nan, "finite")]:
        with pytest.raises(ValueError, match=message):
            memorization_of(x, x, heldout)
