"""The Frechet distance between two sets of features, each summarized by its mean and covariance."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64
from numpy.typing import ArrayLike

from jaxgan.metrics.inputs import row_blocks

_LARGE = 256  # dimensions from which speed is preferred over digits,
_CLOSE = 1e-9  # as long as the error is at most this share of the traces
NEGATIVE = 1e-4  # of the largest variance: negative ones up to there are rounding, as in published files of float32


class Moments(NamedTuple):
    """Mean and unbiased covariance of n examples, in float64.

    The Frechet distance needs nothing else, so large sets of features need not be in memory: start with
    `Moments.empty(d)` and `update` it with one block at a time, in any order; `combine` merges two partial results.

    Example:
      >>> from functools import reduce
      >>> blocks = np.split(np.arange(12.0).reshape(6, 2), 3)
      >>> streamed = reduce(Moments.update, blocks, Moments.empty(2))
      >>> np.allclose(streamed.covariance, moments(np.concatenate(blocks)).covariance), streamed.n
      (True, 6)
    """

    mean: Float64[np.ndarray, " d"]
    covariance: Float64[np.ndarray, "d d"]  # zero where n < 2
    n: int

    @classmethod
    def empty(cls, d: int) -> "Moments":
        """The moments of zero examples of dimension d, the start for streaming."""
        return cls(np.zeros(d), np.zeros((d, d)), 0)

    def update(self, features: ArrayLike) -> "Moments":
        """The moments of the examples so far together with a block of features [m, d], m >= 0.

        Raises:
          ValueError: features that are not [m, d], or have another d.
        """
        features = _narrow(features)
        if features.ndim != 2 or features.shape[1] != len(self.mean):
            raise ValueError(f"expected features [m, {len(self.mean)}], got shape {features.shape}")
        return self.combine(_moments(features)) if len(features) else self

    def combine(self, other: "Moments") -> "Moments":
        """The moments of the union of both sets of examples.

            mean = m_a + delta n_b / n      delta = m_b - m_a,  n = n_a + n_b
            (n - 1) C = (n_a - 1) C_a + (n_b - 1) C_b + delta delta^T n_a n_b / n

        Each block is centred on its own mean, so no large numbers cancel: sums of x and x x^T would lose all digits of
        the covariance if the mean is 1e8 standard deviations.

        Raises:
          ValueError: the dimensions differ.
        Source: Chan, Golub and LeVeque 1983, Algorithms for computing the sample variance, equation 2.1.
        """
        check_alike(self, other)
        n = self.n + other.n
        if not self.n or not other.n:
            return self if self.n else other
        with np.errstate(invalid="ignore", over="ignore"):  # visible in the moments as NaN or inf
            delta = other.mean - self.mean
            scatter = max(self.n - 1, 0) * self.covariance + max(other.n - 1, 0) * other.covariance
            scatter = scatter + np.outer(delta, delta) * (self.n * (other.n / n))
            return Moments(self.mean + delta * (other.n / n), scatter / (n - 1), n)


def moments(features: ArrayLike) -> Moments:
    """Mean and unbiased covariance (divided by n - 1) of features [n, d], in float64.

    Raises:
      ValueError: features that are not [n, d] with n >= 2.

    Example:
      >>> moments([[0.0, 0.0], [2.0, 2.0]]).covariance
      array([[2., 2.],
             [2., 2.]])
    """
    features = _narrow(features)
    if features.ndim != 2 or len(features) < 2:
        raise ValueError(f"expected features [n, d] with n >= 2, got shape {features.shape}")
    return _moments(features)


def frechet_distance(a: Moments, b: Moments) -> float:
    """The squared 2-Wasserstein distance between the Gaussians with the moments a and b.

        |mu_a - mu_b|^2 + tr(A + B - 2 (A B)^(1/2))

    It is a *squared* distance, in squared units of the features, and biased upwards at small n. It is called FID only
    for the features of one particular Inception network. Covariances may be singular, as they are if there are no more
    examples than features: only n - 1 directions then show any variance, and the bias is large and no longer falls
    like 1 / n (`frechet_at_infinity`). Negative variances are taken as 0: sums in float32 of features that hardly
    differ, as of a generator before training, can have them. NaN if any moment is not finite.

    Raises:
      ValueError: the dimensions differ, or one side has fewer than 2 examples.
    Source: Dowson and Landau 1982; Heusel et al. 2017 for its use on images.

    >>> one, other = Moments(np.zeros(1), np.eye(1), 9), Moments(np.ones(1), 4 * np.eye(1), 9)
    >>> frechet_distance(one, other)  # (0 - 1)^2 + (1 - 2)^2
    2.0
    """
    return distance_to(b)(a)


def distance_to(reference: Moments) -> Callable[[Moments], float]:
    """`frechet_distance` to a fixed reference, whose covariance is factored only once.

    >>> to_origin = distance_to(Moments(np.zeros(1), np.eye(1), 9))
    >>> to_origin(Moments(np.ones(1), np.eye(1), 9)), to_origin(Moments(np.ones(1), 4 * np.eye(1), 9))
    (1.0, 2.0)
    """
    own = factor(reference.covariance) if _is_finite(reference) else None

    def distance(a: Moments) -> float:
        return _distance(a, reference, own)

    return distance


def _distance(a: Moments, b: Moments, own: Float64[np.ndarray, "d d"] | None) -> float:
    """`own` is the factor of b's covariance; None: b is not finite."""
    check_alike(a, b)
    if min(a.n, b.n) < 2:
        raise ValueError(f"expected moments of at least 2 examples each, got {a.n} and {b.n}")
    if own is None or not _is_finite(a):
        return float("nan")
    # With A = F F^T and B = G G^T, tr (A B)^(1/2) is the sum of the singular values of F^T G.
    traces = np.trace(a.covariance) + np.trace(b.covariance)
    both = _seen(factor(a.covariance)).T @ _seen(own)
    cross = _sum_of_singular_values(both if both.shape[0] > both.shape[1] else both.T, _CLOSE * traces)
    distance = np.sum((a.mean - b.mean) ** 2) + traces - 2 * cross
    return max(float(distance), 0.0)  # rounding can leave equal moments at -1e-15


def _seen(factor: Float64[np.ndarray, "d d"]) -> Float64[np.ndarray, "d rank"]:
    """The columns that are not zero."""
    seen = factor.any(axis=0)
    return factor if seen.all() else factor[:, seen]


def _sum_of_singular_values(matrix: Float64[np.ndarray, "a b"], error: float) -> float:
    """Uses roots of eigenvalues, three times as fast with half the digits of small ones, if that is accurate enough."""
    from scipy.linalg import eigvalsh

    d = matrix.shape[1]
    if d >= _LARGE:
        # Transposed, it is in LAPACK's order, and no copy of it is made.
        squares = eigvalsh((matrix.T @ matrix).T, overwrite_a=True, check_finite=False, driver="ev")
        noise = np.sqrt(d) * np.finfo(np.float64).eps * squares[-1]
        roots = np.sqrt(np.maximum(squares, 0.0))
        if np.sum(noise / (roots + np.sqrt(noise) + np.finfo(np.float64).tiny)) <= error:
            return float(np.sum(roots))
    return float(np.linalg.norm(matrix, "nuc")) if d else 0.0


def _moments(features: Float[np.ndarray, "n d"]) -> Moments:
    """Processes one block of rows at a time in float64, minus the mean of all rows."""
    (n, d), scatter = features.shape, np.zeros((features.shape[1],) * 2)
    with np.errstate(invalid="ignore", over="ignore"):  # visible in the moments as NaN or inf
        blocks = [features[rows] for rows in row_blocks(n, max(d, 1))]
        mean = np.sum([block.sum(axis=0, dtype=np.float64) for block in blocks], axis=0) / n
        for block in blocks if n > 1 else []:
            centred = block - mean
            scatter += centred.T @ centred
        return Moments(mean, scatter / max(n - 1, 1), n)


def _narrow(features: ArrayLike) -> Float[np.ndarray, "..."]:
    """As float64; float32 stays as it is, because a copy would need twice its memory."""
    x = np.asarray(features)
    return x if x.dtype == np.float32 else np.asarray(x, dtype=np.float64)


def _is_finite(found: Moments) -> bool:
    return bool(np.isfinite(found.mean).all() and np.isfinite(found.covariance).all())


def check_alike(a: Moments, b: Moments) -> None:
    """Raises a ValueError unless both have the same dimension."""
    if a.mean.shape != b.mean.shape or a.covariance.shape != b.covariance.shape:
        raise ValueError(
            "expected moments of equal dimension, got means and covariances of shapes "
            f"{a.mean.shape}, {a.covariance.shape} and {b.mean.shape}, {b.covariance.shape}"
        )


def factor(covariance: Float64[np.ndarray, "d d"]) -> Float64[np.ndarray, "d d"]:
    """F with F F^T = covariance, by pivoted Cholesky, which also works for singular matrices.

    Negative variances are left out, by eigenvalues: in a covariance they are rounding, as in sums in float32, but
    Cholesky's factor would stop at the first of them.

    Example:
      >>> found = factor(np.array([[1.0, 2.0], [2.0, 4.0]]))
      >>> (found @ found.T).tolist()
      [[1.0, 2.0], [2.0, 4.0]]
    """
    from scipy.linalg.lapack import dpstrf

    least = np.finfo(np.float64).eps * max(float(covariance.diagonal().max()), 0.0)
    lower, pivots, rank, _ = dpstrf(covariance, tol=least, lower=1)
    lower *= np.tri(len(lower), dtype=bool)  # in place: of 2,048 features, a copy has 32 MiB
    lower[:, rank:] = 0.0  # the rest is rounding error
    found = np.empty_like(lower)
    found[pivots - 1] = lower
    del lower
    if rank < len(found) and _largest(found @ found.T, covariance) > _CLOSE * _largest(covariance):
        values, vectors = np.linalg.eigh(covariance)
        return vectors * np.sqrt(np.maximum(values, 0.0))
    return found


def _largest(matrix: Float64[np.ndarray, "d d"], less: Float64[np.ndarray, "d d"] | None = None) -> float:
    """The largest absolute entry, without a copy; `less` is subtracted in place."""
    if less is not None:
        matrix -= less
    return max(float(matrix.max()), -float(matrix.min()))
