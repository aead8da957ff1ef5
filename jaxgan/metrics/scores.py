"""Scores of a set of samples without reference data: the Inception score and the Vendi score."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64
from numpy.typing import ArrayLike

from jaxgan.metrics.inputs import AnyArray, checked_features


class InceptionScore(NamedTuple):
    """The mean over parts of the samples, between 1 and the number of classes."""

    mean: float
    std_over_splits: float  # divided by the number of parts, as in papers; not a standard error of the mean


def inception_score(probabilities: ArrayLike, *, splits: int = 10) -> InceptionScore:
    """The Inception score from a classifier's probabilities [n, K]: a mean over consecutive n / splits samples.

        exp(1/n sum_i KL(p_i || mean p)),   0 log 0 = 0

    1 if all samples have the same probabilities, K if each prediction is certain and classes are balanced. It is biased
    downwards for small parts, and measures the classifier's certainty: it does not detect copies or a lack of variety
    within a class. Shuffle samples that are sorted by class. It equals the published score only for the probabilities
    of one particular Inception network.

    Raises:
      ValueError: other shapes, rows that are not finite, negative, or with a sum that differs from 1 by more than
        1e-3, or fewer samples than splits.
    Source: Salimans et al. 2016, Improved techniques for training GANs; split as in torch-fidelity.

    >>> inception_score(np.tile(np.eye(4), (5, 1)), splits=5)
    InceptionScore(mean=4.0, std_over_splits=0.0)
    """
    from scipy.special import rel_entr

    p = checked_features("probabilities", probabilities)
    if (p < 0).any() or np.abs(p.sum(axis=1) - 1).max() > 1e-3:
        raise ValueError(f"probabilities must be at least 0 and sum to 1 in each row, got sums from {_span(p)}")
    if not 1 <= splits <= len(p):
        raise ValueError(f"expected from 1 to {len(p)} splits for {len(p)} samples, got {splits}")
    edges = [i * len(p) // splits for i in range(splits + 1)]
    parts = [p[start:stop] for start, stop in pairwise(edges)]
    scores = [float(np.exp(np.mean(np.sum(rel_entr(part, part.mean(axis=0)), axis=1)))) for part in parts]
    return InceptionScore(float(np.mean(scores)), float(np.std(scores)))


def vendi_score(features: ArrayLike, *, order: float = 1.0) -> float:
    """The effective number of distinct samples from features [n, d], by cosine similarity: from 1 to min(n, d).

        exp(-sum_i l_i log l_i),  l the eigenvalues of K / n,  K_ij = x_i.x_j / (|x_i| |x_j|)

    and (sum_i l_i^q)^(1 / (1 - q)) for an order q other than 1; a larger q gives less weight to rare kinds of samples.
    The nonzero eigenvalues are those of a d x d matrix, so n may be large. It measures how varied the samples are, not
    whether that variety is right: compare it with the value of the data at equal n. Features that are never negative,
    as after a ReLU, are all similar; subtract their mean over the data first.

    Raises:
      ValueError: other shapes, rows of length 0 or not finite, or an order below 0.
    Source: Friedman and Dieng 2023, The Vendi score; Pasarkar and Dieng 2024, Cousins of the Vendi score, for orders.

    >>> f"{vendi_score(np.repeat(np.eye(3), 10, axis=0)):.6f}"  # 30 samples of 3 orthogonal kinds
    '3.000000'
    """
    x = checked_features("features", features)
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    if not lengths.all():
        raise ValueError(f"features must have a direction, got {np.sum(lengths == 0)} of {len(x)} rows of length 0")
    unit = x / lengths
    return vendi_score_of(unit @ unit.T if len(x) < x.shape[1] else unit.T @ unit, order=order)


def vendi_score_of(similarity: ArrayLike, *, order: float = 1.0) -> float:
    """`vendi_score` of a similarity matrix [n, n] from any positive semidefinite kernel with k(x, x) = 1.

    Any positive multiple of the matrix has the same score.

    Raises:
      ValueError: a matrix that is not square, symmetric, finite and of positive trace, or an order below 0.

    >>> vendi_score_of([[1.0, 0.0], [0.0, 1.0]]), vendi_score_of([[1.0, 1.0], [1.0, 1.0]])
    (2.0, 1.0)
    """
    k = checked_features("similarity", similarity)
    if k.shape[0] != k.shape[1] or not np.allclose(k, k.T, rtol=1e-6, atol=1e-9 * np.abs(k).max()) or np.trace(k) <= 0:
        raise ValueError(f"similarity must be square, symmetric and of positive trace, got shape {k.shape}")
    if order < 0:
        raise ValueError(f"order must be at least 0, got {order}")
    return float(effective_number(np.linalg.eigvalsh(k / np.trace(k)), order))


def effective_number(shares: Float[AnyArray, " k"], order: float) -> Float[AnyArray, ""] | np.floating:
    """The exponential of the Renyi entropy of shares that add up to 1 but for rounding, of NumPy or JAX.

    Example:
      >>> float(effective_number(np.array([0.5, 0.5, 0.0, -1e-17]), 0.0))
      2.0
    """
    xp = shares.__array_namespace__()
    least = 1e-12 if shares.dtype == np.float64 else 1e-6  # zeros appear as rounding, and order 0 would count them
    counted = shares > least
    shares = xp.where(counted, shares, 0.0)
    shares = shares / xp.sum(shares)
    if order == 1:
        return xp.exp(-xp.sum(shares * xp.log(xp.where(counted, shares, 1.0))))
    if np.isinf(order):
        return 1 / xp.max(shares)
    return xp.sum(xp.where(counted, xp.where(counted, shares, 1.0) ** order, 0.0)) ** (1 / (1 - order))


def _span(p: Float64[np.ndarray, "n k"]) -> str:
    return f"{p.sum(axis=1).min():.4g} to {p.sum(axis=1).max():.4g} and a smallest value of {p.min():.4g}"
