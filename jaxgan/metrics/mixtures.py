"""Precision, recall and transport where the data's density is known: an even mixture of isotropic Gaussians."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from jaxgan.metrics.inputs import checked_features, generator, row_blocks
from jaxgan.metrics.transport import wasserstein2
from jaxgan.types import Key


class MixtureSupport(NamedTuple):
    """Shares of probability. The mixture's own samples have 1 - alpha for both, in expectation."""

    precision: float  # of the samples within the smallest region that holds 1 - alpha of the mixture
    recall: float  # of the mixture within `radius` of a sample
    radius: float  # within which of n samples of the mixture 1 - alpha of it lie
    log_density: float  # on the edge of that region, nats


class MixtureTransport(NamedTuple):
    """Wasserstein-2 distances between samples of n, in units of the features."""

    distance: float  # of the samples to a draw from the mixture
    faithful: float  # of another draw to the same one: what a perfect sampler has at this n
    n: int


def mixture_log_density(x: ArrayLike, means: ArrayLike, sigma: float) -> Float64[np.ndarray, " n"]:
    """log p(x) of points [n, d], for the even mixture of N(means_i, sigma^2 I) with means [k, d]; nats.

    Raises:
      ValueError: other shapes, numbers that are not finite, or a sigma of 0 or less.

    >>> float(mixture_log_density([[0.0]], [[0.0]], 1.0)[0] + 0.5 * np.log(2 * np.pi))
    0.0
    """
    from scipy.special import logsumexp

    x, m = _checked(x, means, sigma)
    k, d = m.shape
    squares = [_squares(x[block], m) for block in row_blocks(len(x), k)]
    joint = logsumexp(-0.5 * np.concatenate(squares) / sigma**2, axis=1)
    return joint - np.log(k) - 0.5 * d * np.log(2 * np.pi * sigma**2)


def mixture_support(
    key: Key, samples: ArrayLike, means: ArrayLike, sigma: float, *, alpha: float = 0.05, draws: int = 20_000
) -> MixtureSupport:
    """How many of the samples [n, d] the mixture could have made, and how much of the mixture the samples reach.

        precision = share of samples with p(x) >= c,        c: P(p(y) >= c) = 1 - alpha for y of the mixture
        recall    = P(min_i |y - x_i| <= r),                r: the same is 1 - alpha for n samples of the mixture

    The region {p >= c} is the smallest of its probability, so precision is exact up to the quantile c. The support of a
    model is not known from samples: recall asks that the mixture lies as near to them as to as many of its own. Both
    have a standard error of sqrt(alpha (1 - alpha) / draws), 0.0015 by default, beside that of the samples, and recall
    that of the one draw of n which sets the radius.

    Args:
      key: of the draws from the mixture.
      samples: [n, d].
      means: [k, d].
      sigma: of each mode.
      alpha: the share of the mixture that counts as its fringe.
      draws: points that probabilities are taken over.

    Raises:
      ValueError: other shapes, numbers that are not finite, a sigma of 0 or less, or an alpha outside (0, 1).
    Source: highest-density regions, Hyndman 1996; balls in the place of a model's support, Sajjadi et al. 2018 and
      Kynkaanniemi et al. 2019.

    >>> import jax
    >>> means, rng = np.array([[-1.0, 0.0], [1.0, 0.0]]), np.random.default_rng(0)
    >>> one_mode = means[0] + 0.1 * rng.normal(size=(1000, 2))
    >>> found = mixture_support(jax.random.key(0), one_mode, means, 0.1)
    >>> f"{found.precision:.1f} {found.recall:.1f}"  # all that it makes is right, and half is missing
    '0.9 0.5'
    """
    from scipy.spatial import KDTree

    x, m = _checked(samples, means, sigma)
    if not 0 < alpha < 1 or draws < 1:
        raise ValueError(f"expected an alpha between 0 and 1 and a draw or more, got {alpha} and {draws}")
    rng = generator(key)
    y, own = (_draw(rng, m, sigma, count) for count in (draws, len(x)))
    edge = float(np.quantile(mixture_log_density(y, m, sigma), alpha))
    radius = float(np.quantile(KDTree(own).query(y)[0], 1 - alpha))
    precision = float(np.mean(mixture_log_density(x, m, sigma) >= edge))
    return MixtureSupport(precision, float(np.mean(KDTree(x).query(y)[0] <= radius)), radius, edge)


def mixture_transport(key: Key, samples: ArrayLike, means: ArrayLike, sigma: float) -> MixtureTransport:
    """The exact Wasserstein-2 distance of samples [n, d] to as many of the mixture, beside that of the mixture's own.

    Both are `wasserstein2`, so n is at most 5,000. The distance to the distribution itself has no closed form; between
    two Gaussians it has, see `frechet_distance`.

    Raises:
      ValueError: other shapes, more than 5,000 samples, numbers that are not finite, or a sigma of 0 or less.

    >>> import jax
    >>> found = mixture_transport(jax.random.key(0), np.zeros((100, 2)), [[-1.0, 0.0], [1.0, 0.0]], 0.01)
    >>> f"{found.distance:.2f}", found.n  # each mode lies at 1 from all samples
    ('1.00', 100)
    """
    x, m = _checked(samples, means, sigma)
    rng = generator(key)
    draw, other = _draw(rng, m, sigma, len(x)), _draw(rng, m, sigma, len(x))
    return MixtureTransport(wasserstein2(x, draw), wasserstein2(other, draw), len(x))


def _draw(
    rng: np.random.Generator, means: Float64[np.ndarray, "k d"], sigma: float, n: int
) -> Float64[np.ndarray, "n d"]:
    return means[rng.integers(len(means), size=n)] + sigma * rng.normal(size=(n, means.shape[1]))


def _squares(x: Float64[np.ndarray, "n d"], means: Float64[np.ndarray, "k d"]) -> Float64[np.ndarray, "n k"]:
    from scipy.spatial.distance import cdist

    return cdist(x, means, "sqeuclidean")


def _checked(
    samples: ArrayLike, means: ArrayLike, sigma: float
) -> tuple[Float64[np.ndarray, "n d"], Float64[np.ndarray, "k d"]]:
    x, m = checked_features("samples", samples), checked_features("means", means)
    if x.shape[1] != m.shape[1]:
        raise ValueError(f"samples and means must be of one dimension, got shapes {x.shape} and {m.shape}")
    if not sigma > 0 or not np.isfinite(sigma):
        raise ValueError(f"sigma must be a finite number above 0, got {sigma}")
    return x, m
