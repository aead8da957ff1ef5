"""Are samples distinct from each other and from the training examples? Measured by distances to nearest neighbours.

Only a distance between examples is needed, so this works even if neither modes nor classes are known.
"""

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float, Float64

from jaxgan.metrics.balls import nearest
from jaxgan.metrics.inputs import checked_pair, row_blocks
from jaxgan.metrics.ranks import superiority
from jaxgan.types import Array

_EQUAL = 1e-9  # relative: squared distances that differ by rounding alone


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


def memorization_of(features: ArrayLike, train: ArrayLike, heldout: ArrayLike) -> float:
    """The excess of features [n, d] that are nearer to a training example [T, d] than to a held-out one [H, d].

        (share - s0) / (1 - s0),   share = mean_j [|x_j - t(x_j)| < |x_j - h(x_j)|],   s0 = T / (T + H)

    with t(x) and h(x) the nearest training and held-out examples; equal distances count half. It is about 0 if samples
    are no nearer to training than to held-out examples, whatever their quality, and 1 if all are copies. Distances are
    equal if they differ by rounding, so an example in both sets belongs to neither. Its standard error over new
    samples is at most 0.5 / sqrt(n) / (1 - s0). See `memorization` for a share that is known already.

    Args:
      features: [n, d].
      train: [T, d], the examples that the generator was trained on.
      heldout: [H, d], examples of the same distribution that it never saw.

    Raises:
      ValueError: other shapes, an empty set, or features that are not finite.
    Source: Meehan, Chaudhuri and Dasgupta 2020, A non-parametric test to detect data-copying in generative models,
      which also compares the distances to the training examples with those of held-out examples.

    Example:
      >>> train, heldout = [[0.0], [4.0]], [[1.0], [9.0]]
      >>> memorization_of([[0.1], [4.2], [1.1], [8.0]], train, heldout), memorization_of(train, train, heldout)
      (0.0, 1.0)
    """
    x, t = checked_pair(features, train, narrow=True)
    _, h = checked_pair(features, heldout, narrow=True)
    to_train, to_heldout = _to_nearest(x, t), _to_nearest(x, h)
    equal = np.isclose(to_train, to_heldout, rtol=_EQUAL, atol=0.0)
    share = np.mean(np.where(equal, 0.5, to_train < to_heldout))
    return float(memorization(share, len(t), len(h)))


def _to_nearest(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]) -> Float64[np.ndarray, " n"]:
    """The squared distance from each row of x to the nearest row of y, from the difference of both."""
    index, found = nearest(x, y)[0], np.empty(len(x))
    for some in row_blocks(len(x), x.shape[1]):
        apart = np.subtract(x[some], y[index[some]], dtype=np.float64)
        found[some] = np.einsum("nd,nd->n", apart, apart)
    return found


def memorization(share: ArrayLike, train: int, heldout: int) -> Float64[np.ndarray, "*runs"]:
    """The excess of samples that are closest to a training example rather than a held-out one, from their share.

        (share - s0) / (1 - s0),  s0 = T / (T + H)

    0 if the generator does not distinguish training and held-out examples, whatever the quality of its samples; 1 if
    all samples are copies. It is estimated from a finite number of samples, so it can be slightly below 0. Without
    held-out examples it is undefined: NaN. `memorization_of` computes it from features.

    Args:
      share: the share of samples whose nearest example is a training example; ties count half.
      train: T, the number of training examples.
      heldout: H, the number of held-out examples.

    Example:
      >>> float(memorization(0.75, train=100, heldout=100)), float(memorization(1.0, train=80, heldout=20))
      (0.5, 1.0)
    """
    by_chance = train / (train + heldout) if heldout else np.nan
    return np.asarray((np.asarray(share, np.float64) - by_chance) / (1 - by_chance))
