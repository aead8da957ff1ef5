"""Truncated latents against scipy's truncated normal distribution."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.random import define_prng_impl
from scipy import stats

import jaxgan as jg
from jaxgan.types import Prior

KEY = jax.random.key(0)


@pytest.mark.parametrize("value", [0.04, 0.5, 2.0])
@pytest.mark.parametrize(
    ("prior", "cut", "scale"),
    [
        (jg.truncated_prior, lambda threshold: threshold, lambda threshold: 1.0),
        (jg.scaled_truncated_prior, lambda truncation: 2.0, lambda truncation: truncation),
    ],
)
def test_a_truncated_prior_is_scipys_truncnorm(
    prior: Callable[..., Prior], cut: Callable[[float], float], scale: Callable[[float], float], value: float
) -> None:
    z = np.asarray(prior(20, value)(KEY, 5000), np.float64)
    assert z.shape == (5000, 20)
    expected = stats.truncnorm(-cut(value), cut(value), scale=scale(value))
    assert np.abs(z).max() <= cut(value) * scale(value) * (1 + 1e-6)
    n = z.size
    for power in (1, 2, 4):  # five standard errors of the mean of z^power
        deviation = np.sqrt(expected.moment(2 * power) - expected.moment(power) ** 2)
        np.testing.assert_allclose(np.mean(z**power), expected.moment(power), atol=5 * deviation / np.sqrt(n))
    assert stats.kstest(z.ravel(), expected.cdf).statistic < 1.95 / np.sqrt(n)  # p = 0.001
    neighbours = np.corrcoef(z[:, 0], z[:, 1])[0, 1]
    assert abs(neighbours) < 5 / np.sqrt(5000)


def test_the_two_truncations_are_two_distributions() -> None:
    """Of one number: 0.5 leaves a nearly uniform distribution of deviation 0.28, or a bell of 0.44."""
    assert jg.truncated_prior(20, 0.5)(KEY, 5000).std() == pytest.approx(stats.truncnorm(-0.5, 0.5).std(), rel=0.02)
    assert jg.scaled_truncated_prior(20, 0.5)(KEY, 5000).std() == pytest.approx(
        0.5 * stats.truncnorm(-2, 2).std(), rel=0.02
    )


def test_a_wide_threshold_leaves_the_normal_prior_and_a_traced_one_is_swept() -> None:
    z = jax.jit(jax.vmap(lambda t: jg.truncated_prior(3, t)(KEY, 1000)))(jnp.array([0.1, 8.0]))
    assert abs(z[0]).max() <= 0.1 and stats.kstest(np.ravel(z[1]), "norm").statistic < 1.95 / np.sqrt(3000)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("prior", "name"), [(jg.truncated_prior, "threshold"), (jg.scaled_truncated_prior, "truncation")]
)
def test_other_numbers_are_refused(prior: Callable[..., Prior], name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be .*, got {value}"):
        prior(3, value)


def test_a_threshold_beyond_all_normal_numbers_truncates_nothing() -> None:
    """Where erf(t / sqrt(2)) rounds to 1, the lowest uniform number gave -infinity, which was cut to -t."""
    zeros = define_prng_impl(
        key_shape=(2,),
        seed=lambda seed: jnp.zeros(2, jnp.uint32),
        split=lambda key, shape: jnp.zeros((*shape, 2), jnp.uint32),
        random_bits=lambda key, width, shape: jnp.zeros(shape, f"uint{width}"),
        fold_in=lambda key, data: key,
        name="zeros",
        tag="zeros",
    )
    lowest = jax.random.key(0, impl=zeros)  # the uniform numbers that it draws are the lowest ones
    largest = -float(jax.random.normal(lowest, ()))
    assert 5 < largest < 6
    for threshold in (5.0, 6.0, 1000.0):
        z = jg.truncated_prior(1, threshold)(lowest, 1)
        np.testing.assert_allclose(z, -min(threshold, largest), rtol=0.02)
