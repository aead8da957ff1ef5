"""Are samples distinct from each other and from the training examples? Measured by distances to nearest neighbours.

Only a distance between examples is needed, so this works even if neither modes nor classes are known.
"""

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float, Float64

from jaxgan.metrics.ranks import superiority
from jaxgan.types import Array


def squared_distances(x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, "n m"]:
    """Squared distances between all pairs, as |x|^2 - 2 x.y + |y|^2 around the mean of y.

    The error in float32 is about 1e-6 of |x|^2, so points closer than a thousandth of the extent of the data are
    indistinguishable.
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

    About 1/2 for samples from the data distribution, 0 if all samples are equal, close to 1 for noise with a wider
    spread than the data. Use as many samples [n, d] as real examples [n, d], because distances to nearest neighbours
    shrink as n grows.

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
    """The excess of samples that are closest to a training example rather than a held-out one, between 0 and 1.

        (share - s0) / (1 - s0),  s0 = T / (T + H)

    0 if the generator does not distinguish training and held-out examples, whatever the quality of its samples; 1 if
    all samples are copies. It is estimated from a finite number of samples, so it can be slightly below 0.

    Args:
      share: the share of samples whose nearest example is a training example; ties count half.
      train: T, the number of training examples.
      heldout: H, the number of held-out examples.

    Example:
      >>> float(memorization(0.75, train=100, heldout=100)), float(memorization(1.0, train=80, heldout=20))
      (0.5, 1.0)
    """
    by_chance = train / (train + heldout)
    return np.asarray((np.asarray(share, np.float64) - by_chance) / (1 - by_chance))
