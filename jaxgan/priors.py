"""What generators draw from: latents, and the classes of what they make."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.checks import check_coefficient
from jaxgan.types import ConditionPrior, Prior


def normal_prior(dim: int) -> Prior:
    """Latents z ~ N(0, I) of shape [n, dim].

    Example:
      >>> normal_prior(64)(jax.random.key(0), 2).shape
      (2, 64)
    """
    return lambda key, n: jax.random.normal(key, (n, dim))


def truncated_prior(dim: int, threshold: float) -> Prior:
    """Latents [n, dim] of N(0, 1) on [-threshold, threshold], independent: those outside are drawn again.

    The truncation trick as the paper has it: a generator that was trained on N(0, I) makes better and less varied
    samples of these, the more so the smaller the threshold. It is a prior to sample from; a game with it makes such
    samples of parameters that were trained in another. The code that was published draws by `scaled_truncated_prior`.
    Source: Brock et al. 2019, Large Scale GAN Training (BigGAN), section 3.1.

    Raises:
      ValueError: a threshold that is not a finite number above 0.

    Example:
      >>> z = truncated_prior(64, 0.5)(jax.random.key(0), 100)
      >>> bool(abs(z).max() <= 0.5)
      True
    """
    _check_positive("threshold", threshold)
    return lambda key, n: jax.random.truncated_normal(key, -threshold, threshold, (n, dim))


def scaled_truncated_prior(dim: int, truncation: float) -> Prior:
    """Latents [n, dim]: `truncation` times N(0, 1) on [-2, 2], independent.

    The truncation trick as the published BigGANs' demonstration on TensorFlow Hub has it. Its numbers have the range
    [-2 truncation, 2 truncation] and the deviation 0.88 truncation; those of `truncated_prior(dim, threshold)` have the
    range [-threshold, threshold], and with small thresholds are next to uniform.
    Source: Brock et al. 2019, BigGAN, the code for its generators.

    Raises:
      ValueError: a truncation that is not a finite number above 0.

    Example:
      >>> z = scaled_truncated_prior(64, 0.5)(jax.random.key(0), 100)
      >>> bool(abs(z).max() <= 1.0)
      True
    """
    _check_positive("truncation", truncation)
    return lambda key, n: truncation * jax.random.truncated_normal(key, -2.0, 2.0, (n, dim))


def class_prior(shares: Sequence[float]) -> ConditionPrior:
    """Classes y [n] in 0..K-1 with probabilities in proportion to K `shares`: a `condition_prior` of a game.

    Raises:
      ValueError: no shares, or one that is negative or not finite, or none above 0.

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
