"""Wasserstein-2 distances between samples: sliced for any number, and exact for up to a few thousand."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from jaxgan.metrics.inputs import AnyArray, checked_pair, generator
from jaxgan.types import Key

_LINES = 64  # projected at a time
MOST = 5000  # rows on each side: 200 MiB of distances


class SlicedWasserstein(NamedTuple):
    """The mean over random directions of squared one-dimensional distances."""

    squared: float  # squared units of the features
    standard_error: float  # from the choice of directions only, not from the features
    mind: float  # 3 d squared: the scale of the Monge Inception distance, in which a shift by s gives 3 |s|^2


def sliced_wasserstein(
    key: Key, features: ArrayLike, reference: ArrayLike, *, directions: int = 1000
) -> SlicedWasserstein:
    """The squared sliced Wasserstein-2 distance of features [n, d] and [m, d].

        mean over unit directions u of W2^2(u.x, u.y),   W2^2 = 1/n sum_i (x_(i) - y_(i))^2 of sorted values

    and, if n and m differ, the exact integral of the squared difference of the two quantile functions. A shift by s
    gives |s|^2 / d. Directions are normalized Gaussian vectors. Unlike the Frechet distance, it depends on more than
    the first two moments and needs no inverse or root of a matrix, so few samples in many dimensions suffice. Like the
    Frechet distance, it is biased upwards at small n.

    Raises:
      ValueError: other shapes, fewer than 1 direction, or features that are not finite.
    Source: Bonneel et al. 2015, Sliced and Radon Wasserstein barycenters of measures; the scale of `mind` is that of
      torch-fidelity.

    >>> import jax
    >>> x = np.random.default_rng(0).normal(size=(100, 1))
    >>> f"{sliced_wasserstein(jax.random.key(0), x + 2, x).mind:.6f}"  # 3 |s|^2
    '12.000000'
    """
    x, y = checked_pair(features, reference)
    if directions < 1:
        raise ValueError(f"directions must be a whole number of at least 1, got {directions}")
    u = generator(key).normal(size=(x.shape[1], directions))
    u /= np.linalg.norm(u, axis=0)
    pieces = (u[:, start : start + _LINES] for start in range(0, directions, _LINES))
    squares = np.concatenate([squares_on_lines(x @ piece, y @ piece) for piece in pieces])
    error = np.std(squares, ddof=1) / np.sqrt(directions) if directions > 1 else np.nan
    return SlicedWasserstein(float(squares.mean()), float(error), float(3 * x.shape[1] * squares.mean()))


def wasserstein2(features: ArrayLike, reference: ArrayLike) -> float:
    """The exact Wasserstein-2 distance between two samples [n, d] of equal size, in units of the features.

        sqrt(min over permutations p of 1/n sum_i |x_i - y_p(i)|^2)

    solved as an assignment problem: n^3 operations at worst, about one second for 2,000 and eight for 5,000 points in
    the plane. It exceeds the distance between the distributions by about n^(-1/d), so compare it with the distance
    between two samples of the data at the same n.

    Raises:
      ValueError: other shapes, unequal numbers, more than 5,000, or features that are not finite.
    Source: Villani 2009, Optimal transport; solved by scipy.optimize.linear_sum_assignment.

    >>> wasserstein2([[0.0], [1.0]], [[4.0], [3.0]])
    3.0
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    x, y = checked_pair(features, reference)
    if len(x) != len(y) or len(x) > MOST:
        raise ValueError(f"expected equally many rows on both sides, at most {MOST:,}, got {len(x):,} and {len(y):,}")
    squares = cdist(x, y, "sqeuclidean")
    return float(np.sqrt(squares[linear_sum_assignment(squares)].mean()))


def squares_on_lines(x: Float[AnyArray, "n lines"], y: Float[AnyArray, "m lines"]) -> Float[AnyArray, " lines"]:
    """W2^2 between the values in each pair of columns, of NumPy or JAX.

    Example:
      >>> squares_on_lines(np.array([[0.0], [1.0]]), np.array([[3.0]])).tolist()  # (9 + 4) / 2
      [6.5]
    """
    xp = x.__array_namespace__()
    x, y = xp.sort(x, axis=0), xp.sort(y, axis=0)
    n, m = len(x), len(y)
    if n == m:
        return xp.mean((x - y) ** 2, axis=0)
    # Both quantile functions are constant between levels i / n and j / m, which are integers in units of 1 / (n m).
    levels = np.union1d(np.arange(n) * m, np.arange(m) * n)
    weights = xp.asarray(np.diff(levels, append=n * m) / (n * m), dtype=x.dtype)
    return weights @ (x[levels // m] - y[levels // n]) ** 2
