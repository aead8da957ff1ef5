"""The standard error of a Frechet distance over new samples, from its derivative with respect to the moments."""

from collections.abc import Sequence
from functools import reduce

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from jaxgan.metrics.frechet import Moments, check_alike, factor

_NULL = 1e-10  # times the largest variance: directions below this have no variance


def frechet_influence(features: ArrayLike, own: Moments, reference: Moments) -> Float64[np.ndarray, " n"]:
    """The influence function of the Frechet distance: the contribution of each of the features [n, d] to it.

        2 (mu - mu_r).(x - mu) + (x - mu)^T (I - T) (x - mu),   minus its mean

    where `own` are the features' moments and T is the matrix of the optimal transport between the two Gaussians. Its
    standard deviation divided by sqrt(n) is the standard error of the distance, the limit of a bootstrap over the
    samples without any resampling.

    Raises:
      ValueError: another dimension, or moments that are not finite.
    Source: Efron 1982, The jackknife, the bootstrap and other resampling plans, chapter 6; Dowson and Landau 1982.

    >>> x = np.array([[-1.0], [1.0], [3.0]])  # with equal covariances T is 1, and only the means count
    >>> frechet_influence(x, Moments(np.ones(1), np.eye(1), 3), Moments(np.zeros(1), np.eye(1), 3)).tolist()
    [-4.0, 0.0, 4.0]
    """
    along, matrix = _derivative(own, reference)
    centred = np.asarray(features, np.float64) - own.mean
    found = centred @ along + np.einsum("nd,nd->n", centred @ matrix, centred)
    return found - found.mean()


def frechet_standard_error(groups: Sequence[Moments], reference: Moments) -> float:
    """The standard error of the Frechet distance of all groups together, over new samples.

    Uses the moments of random groups of samples of about equal size, for example 16, which give 15 degrees of freedom;
    the samples need not be in memory. The reference is considered fixed.

    Raises:
      ValueError: fewer than 2 groups, a group of fewer than 2 samples, or a dimension other than the reference's.

    >>> rng = np.random.default_rng(0)
    >>> groups = [Moments.empty(1).update(rng.normal(size=(100, 1))) for _ in range(16)]
    >>> error = frechet_standard_error(groups, Moments(np.full(1, 3.0), np.eye(1), 100))  # 2 |3| / sqrt(1600)
    >>> 0.1 < error < 0.2
    True
    """
    if len(groups) < 2 or min(group.n for group in groups) < 2:
        sizes = [group.n for group in groups]
        raise ValueError(f"expected at least 2 groups of at least 2 samples, got sizes {sizes}")
    own = reduce(Moments.combine, groups)
    along, matrix = _derivative(own, reference)
    found = []
    for group in groups:
        delta = group.mean - own.mean
        within = np.vdot(matrix, group.covariance) * (group.n - 1) / group.n
        found.append(along @ delta + within + delta @ matrix @ delta)
    return float(np.std(found, ddof=1) / np.sqrt(len(found)))


def _derivative(own: Moments, reference: Moments) -> tuple[Float64[np.ndarray, " d"], Float64[np.ndarray, "d d"]]:
    """The derivatives of the distance with respect to the mean and the covariance: 2 (mu - mu_r) and I - T."""
    check_alike(own, reference)
    if not all(np.isfinite(moment).all() for moment in (*own[:2], *reference[:2])):
        raise ValueError("expected finite moments, got NaN or infinity")
    # With A = F F^T, B = G G^T and F^T G = U s V^T the map is T = F^-T U s U^T F^-1.
    values, vectors = np.linalg.eigh(own.covariance)
    here = values > _NULL * max(values[-1], 0.0)
    roots = np.where(here, np.sqrt(np.maximum(values, 0.0)), 0.0)
    left, singular, _ = np.linalg.svd((vectors * roots).T @ factor(reference.covariance))
    inverse = vectors * np.where(here, 1 / np.where(here, roots, 1.0), 0.0)  # no sample has a component there
    transport = inverse @ (left * singular) @ left.T @ inverse.T
    return 2 * (own.mean - reference.mean), np.eye(len(own.mean)) - transport
