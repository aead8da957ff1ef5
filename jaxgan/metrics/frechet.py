"""The Frechet distance between two sets of features, each summarized by its mean and covariance."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Moments(NamedTuple):
    """Mean [d] and covariance [d, d] of n examples."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    n: int


def moments(features: ArrayLike) -> Moments:
    """Mean and unbiased covariance (divided by n - 1) of features [n, d], in float64.

    Raises: ValueError unless features is [n, d] with n >= 2.

    >>> moments([[0.0, 0.0], [2.0, 2.0]]).covariance
    array([[2., 2.],
           [2., 2.]])
    """
    features = np.asarray(features, dtype=np.float64)
    if features.ndim != 2 or len(features) < 2:
        raise ValueError(f"expected features [n, d] with n >= 2, got shape {features.shape}")
    with np.errstate(invalid="ignore", over="ignore"):  # the moments say so themselves: NaN or inf
        mean, covariance = features.mean(axis=0), np.cov(features, rowvar=False)
    return Moments(mean, np.atleast_2d(covariance), len(features))


def frechet_distance(a: Moments, b: Moments) -> float:
    """The squared 2-Wasserstein distance between the Gaussians with the moments a and b.

        |mu_a - mu_b|^2 + tr(A + B - 2 (A B)^(1/2))

    It is a *squared* distance, in squared units of the features, and biased upwards at small n. It is
    called FID for the features of one particular Inception network only. Covariances may be singular.
    NaN when any moment is not finite.

    Raises: ValueError when the two are not of equal dimension.
    Source: Dowson and Landau 1982; Heusel et al. 2017 for its use on images.

    >>> one, other = Moments(np.zeros(1), np.eye(1), 9), Moments(np.ones(1), 4 * np.eye(1), 9)
    >>> frechet_distance(one, other)  # (0 - 1)^2 + (1 - 2)^2
    2.0
    """
    if a.mean.shape != b.mean.shape or a.covariance.shape != b.covariance.shape:
        raise ValueError(
            "expected moments of equal dimension, got means and covariances of shapes "
            f"{a.mean.shape}, {a.covariance.shape} and {b.mean.shape}, {b.covariance.shape}"
        )
    if not all(np.isfinite(moment).all() for moment in (*a[:2], *b[:2])):
        return float("nan")
    # With A = F F^T and B = G G^T, tr (A B)^(1/2) is the sum of the singular values of F^T G. Their squares
    # are the eigenvalues of sqrt(A) B sqrt(A), whose roots would keep half the digits only.
    cross = np.linalg.norm(_factor(a.covariance).T @ _factor(b.covariance), "nuc")
    distance = np.sum((a.mean - b.mean) ** 2) + np.trace(a.covariance) + np.trace(b.covariance) - 2 * cross
    return max(float(distance), 0.0)  # rounding can leave equal moments at -1e-15


def _factor(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """F with F F^T = covariance; unlike Cholesky's it exists for singular ones."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))  # rounding can leave zeros at -1e-17
