"""Are samples distinct from each other, and from the training examples? By the distances to nearest neighbours.

Nothing is asked of the data but a distance, so this serves where neither modes nor classes are known.
"""

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float, Float64

from jaxgan.metrics.ranks import superiority
from jaxgan.types import Array


def squared_distances(x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, "n m"]:
    """Between all pairs, by |x - y|^2 = |x|^2 - 2 x.y + |y|^2 around the mean of y.

    In float32 off by some 1e-6 of |x|^2: what is nearer than a thousandth of the data's extent counts as equal.
    """
    centre = jnp.mean(y, axis=0, keepdims=True)
    x, y = x - centre, y - centre
    inner = jnp.matmul(x, y.T, precision="highest")
    return jnp.maximum(jnp.sum(x**2, axis=1)[:, None] - 2 * inner + jnp.sum(y**2, axis=1)[None], 0.0)


def own_neighbours(x: ArrayLike) -> Float[Array, " n"]:
    """The squared distance from each example of x [n, d] to the nearest other one.

    Example:
      >>> own_neighbours([[0.0], [1.0], [5.0]]).tolist()
      [1.0, 1.0, 16.0]
    """
    x = jnp.asarray(x, float)
    return jnp.min(squared_distances(x, x) + jnp.where(jnp.eye(len(x), dtype=bool), jnp.inf, 0.0), axis=1)


def distinctness(samples: ArrayLike, real: ArrayLike) -> Float[Array, ""]:
    """The probability that a sample is farther from its nearest other sample than a real example is from its own.

        superiority(min_j |x_i - x_j|, min_j |r_i - r_j|)

    About 1/2 for samples from the data's distribution, 0 where all samples are alike, near 1 for noise that is spread
    more widely than the data. Of as many samples [n, d] as real examples [n, d]: distances to the nearest shrink as n
    grows.

    Raises:
      ValueError: other shapes, or fewer than two examples.

    Example:
      >>> import jax
      >>> x, y = jax.random.normal(jax.random.key(0), (2, 100, 2))
      >>> float(distinctness(0 * x, y)), 0.4 < distinctness(x, y) < 0.6
      (0.0, Array(True, dtype=bool))
    """
    x, r = jnp.asarray(samples, float), jnp.asarray(real, float)
    if x.ndim != 2 or x.shape != r.shape or len(x) < 2:
        raise ValueError(f"expected samples and real examples [n, d], n > 1, got shapes {x.shape} and {r.shape}")
    return superiority(own_neighbours(x), own_neighbours(r))


def memorization(share: ArrayLike, train: int, heldout: int) -> Float64[np.ndarray, "*runs"]:
    """By how much more samples are nearest to a training example than to a held-out one, between 0 and 1.

        (share - s0) / (1 - s0),  s0 = T / (T + H)

    0 where training and held-out examples are alike to the generator, whatever the quality of its samples; 1 where all
    samples are copies. A mean of so many samples, it can be a little below 0.

    Args:
      share: of samples whose nearest example is a training one; an equal distance to both kinds counts half.
      train: T, how many training examples there are.
      heldout: H, how many held-out ones.

    Example:
      >>> float(memorization(0.75, train=100, heldout=100)), float(memorization(1.0, train=80, heldout=20))
      (0.5, 1.0)
    """
    by_chance = train / (train + heldout)
    return np.asarray((np.asarray(share, np.float64) - by_chance) / (1 - by_chance))
