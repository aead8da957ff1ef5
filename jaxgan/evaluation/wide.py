"""Frechet distances in many features inside a compiled program, so that of each evaluation one number is recorded."""

import jax.numpy as jnp
from jaxtyping import Bool, Float

from jaxgan.types import Array

WIDE = 256
"""Features, above which their matrix of covariances is not recorded: with 2,048 it takes 16 MiB of each evaluation."""


def distance_of_rows(
    rows: Float[Array, "n d"], used: Bool[Array, " n"], factor: Float[Array, "d d"]
) -> Float[Array, ""]:
    """The Frechet distance of features [n, d], less the reference's mean, to a reference.

        |m|^2 + tr A + tr B - 2 |X G|_* / sqrt(n - 1),   A = X^T X / (n - 1),  B = G G^T

    with X the rows that are used less their mean m and |.|_* the sum of singular values: that of (A B)^(1/2) without a
    root of A, of which float32 would lose half the digits. NaN of fewer than 2 rows.

    Args:
      rows: the features less the mean of the reference's.
      used: which of them count; the others have to be finite.
      factor: G, with G G^T the reference's covariance.

    Example:
      >>> x = jnp.array([[1.0], [3.0]])  # of mean 2 and variance 2, to mean 0 and variance 2
      >>> round(float(distance_of_rows(x, jnp.array([True, True]), jnp.sqrt(2.0) * jnp.eye(1))), 5)
      4.0
    """
    n = jnp.sum(used)
    kept = jnp.where(used[:, None], rows, 0.0)
    mean = jnp.sum(kept, axis=0) / n
    centred = jnp.where(used[:, None], kept - mean[None], 0.0)
    # The same singular values from a square, where there are more rows than features.
    root = jnp.linalg.qr(centred, mode="r") if centred.shape[0] > centred.shape[1] else centred
    product = jnp.matmul(root, factor, precision="highest")
    cross = jnp.sum(jnp.linalg.svd(product, compute_uv=False)) / jnp.sqrt(n - 1.0)
    spread = jnp.sum(centred**2) / (n - 1.0) + jnp.sum(factor**2)
    return jnp.maximum(jnp.sum(mean**2) + spread - 2 * cross, 0.0)
