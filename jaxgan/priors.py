"""Distributions that the generator's inputs are drawn from: latents, and classes of generated examples."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.checks import check_coefficient
from jaxgan.types import Array, ConditionPrior, Key, Prior


def normal_prior(dim: int) -> Prior:
    """Latents z ~ N(0, I) of shape [n, dim].

    Example:
      >>> normal_prior(64)(jax.random.key(0), 2).shape
      (2, 64)
    """
    return lambda key, n: jax.random.normal(key, (n, dim))


def truncated_prior(dim: int, threshold: float) -> Prior:
    """Latents [n, dim], independent N(0, 1) truncated to [-threshold, threshold]: values outside are resampled.

    This is the truncation trick as described in the paper: with these latents, a generator trained on N(0, I) makes
    better and less varied samples, the more so the smaller the threshold. It is a prior for sampling: build a game with
    it to sample from parameters that were trained in another game. The published code uses `scaled_truncated_prior`.
    A threshold beyond the largest number that `jax.random.normal` draws, 5.4 in float32, truncates nothing.
    Source: Brock et al. 2019, Large Scale GAN Training (BigGAN), section 3.1.

    Raises:
      ValueError: threshold is not a finite number above 0.

    Example:
      >>> z = truncated_prior(64, 0.5)(jax.random.key(0), 100)
      >>> bool(abs(z).max() <= 0.5)
      True
    """
    _check_positive("threshold", threshold)

    def draw(key: Key, n: int) -> Array:
        # erf(threshold / sqrt(2)) rounds to 1 beyond it, and the infinity drawn there would become the threshold
        bound = jnp.minimum(threshold, math.sqrt(2) * jax.scipy.special.erfinv(jnp.nextafter(jnp.ones(()), 0.0)))
        return jax.random.truncated_normal(key, -bound, bound, (n, dim))

    return draw


def scaled_truncated_prior(dim: int, truncation: float) -> Prior:
    """Latents [n, dim]: `truncation` times independent N(0, 1) truncated to [-2, 2].

    This is the truncation trick as implemented in the published BigGAN demonstration on TensorFlow Hub. Its values have
    the range [-2 truncation, 2 truncation] and the standard deviation 0.88 truncation; those of
    `truncated_prior(dim, threshold)` have the range [-threshold, threshold], and are almost uniform for small
    thresholds.
    Source: Brock et al. 2019, BigGAN, the code for its generators.

    Raises:
      ValueError: truncation is not a finite number above 0.

    Example:
      >>> z = scaled_truncated_prior(64, 0.5)(jax.random.key(0), 100)
      >>> bool(abs(z).max() <= 1.0)
      True
    """
    _check_positive("truncation", truncation)
    return lambda key, n: truncation * jax.random.truncated_normal(key, -2.0, 2.0, (n, dim))


def class_prior(shares: Sequence[float]) -> ConditionPrior:
    """Classes y [n] in 0..K-1 with probabilities proportional to the K `shares`: a `condition_prior` of a game.

    Raises:
      ValueError: there are no shares, one is negative or not finite, or none is above 0.

    Example:
      >>> class_prior([1, 0, 3])(jax.random.key(0), 4).shape
      (4,)
    """
    weights = np.asarray(shares, np.float32)
    if weights.ndim != 1 or not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0):
        raise ValueError(f"shares must be numbers of at least 0, not all 0, got {shares!r}")
    logits = np.log(weights, out=np.full_like(weights, -np.inf), where=weights > 0)
    return lambda key, n: jax.random.categorical(key, logits, shape=(n,)).astype(jnp.int32)


def _check_positive(name: str, value: float) -> None:
    check_coefficient(name, value)
    if not isinstance(value, jax.core.Tracer) and value == 0:
        raise ValueError(f"{name} must be above 0, got {value!r}")
