"""Frechet distances in many features inside a compiled program, so that each evaluation records a single number."""

import jax.numpy as jnp
from jaxtyping import Bool, Float

from jaxgan.metrics.traceable import distance_of_roots
from jaxgan.types import Array

WIDE = 256
"""The most features whose covariance is recorded: with 2,048 it would take 16 MiB for each evaluation."""


def distance_of_rows(
    rows: Float[Array, "n d"], used: Bool[Array, " n"], factor: Float[Array, "d d"]
) -> Float[Array, ""]:
    """The Frechet distance between features [n, d], minus the reference's mean, and a reference.

        |m|^2 + tr A + tr B - 2 |X G|_* / sqrt(n - 1),   A = X^T X / (n - 1),  B = G G^T

    where X holds the used rows minus their mean m, and |.|_* is the sum of singular values. It gives the trace of
    (A B)^(1/2) without a square root of A, which would lose half the digits of float32. NaN for fewer than 2 rows.

    Args:
      rows: the features minus the mean of the reference.
      used: the rows that count; the others must be finite.
      factor: G, with G G^T the reference's covariance.

    Example:
      >>> x = jnp.array([[1.0], [3.0]])  # mean 2 and variance 2, against mean 0 and variance 2
      >>> round(float(distance_of_rows(x, jnp.array([True, True]), jnp.sqrt(2.0) * jnp.eye(1))), 5)
      4.0
    """
    n = jnp.sum(used)
    kept = jnp.where(used[:, None], rows, 0.0)
    mean = jnp.sum(kept, axis=0) / n
    centred = jnp.where(used[:, None], kept - mean[None], 0.0)
    # With more rows than features, a square matrix has the same singular values.
    root = jnp.linalg.qr(centred, mode="r") if centred.shape[0] > centred.shape[1] else centred
    return distance_of_roots(mean, root / jnp.sqrt(n - 1.0), factor.T)
