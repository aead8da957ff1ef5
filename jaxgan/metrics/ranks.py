"""Compares two samples of numbers by their ranks only, independent of unit, scale and distribution."""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Float

from jaxgan.types import Array


def superiority(a: ArrayLike, b: ArrayLike) -> Float[Array, ""]:
    """The probability that a value of `a` is above one of `b`, P(a > b) + P(a = b) / 2.

    1/2 if both have the same distribution, with a standard deviation of sqrt((n + m + 1) / (12 n m)) for n and m
    values. For the scores of a classifier it is the area under the ROC curve. NaN if any value is NaN.

    Source: Mann and Whitney 1947; McGraw and Wong 1992, A common language effect size statistic.

    Example:
      >>> float(superiority([1.0, 2.0, 3.0], [0.0, 2.0]))  # of 6 pairs, 4 are above and 1 is equal
      0.75
    """
    a, b = (jnp.sort(jnp.ravel(jnp.asarray(values, float))) for values in (a, b))
    below = jnp.searchsorted(b, a, side="left") + jnp.searchsorted(b, a, side="right")
    undefined = jnp.isnan(a[-1]) | jnp.isnan(b[-1])  # NaN is sorted to the end
    return jnp.where(undefined, jnp.nan, jnp.clip(jnp.mean(below) / (2 * b.size), 0.0, 1.0))  # float32 can exceed 1
