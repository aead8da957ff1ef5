"""Precision, recall and transport for data with a known density: an even mixture of isotropic Gaussians."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from jaxgan.metrics.inputs import checked_features, generator, row_blocks
from jaxgan.metrics.transport import wasserstein2
from jaxgan.types import Key


class MixtureSupport(NamedTuple):
    """Probabilities. For samples from the mixture itself, both are 1 - alpha in expectation."""

    precision: float  # share of samples within the smallest region that holds 1 - alpha of the mixture
    recall: float  # share of the mixture within `radius` of a sample
    radius: float  # 1 - alpha of the mixture is within this radius of n of its own samples
    log_density: float  # log density at the edge of that region, in nats


class MixtureTransport(NamedTuple):
    """Wasserstein-2 distances between sets of n samples, in units of the features."""

    distance: float  # between the samples and a draw from the mixture
    faithful: float  # between another draw and the same one: the value of a perfect sampler at this n
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
    """The share of samples [n, d] that the mixture could have made, and the share of the mixture that they cover.

        precision = share of samples with p(x) >= c,        c: P(p(y) >= c) = 1 - alpha for y from the mixture
        recall    = P(min_i |y - x_i| <= r),                r: the same is 1 - alpha for n samples from the mixture

    The region {p >= c} is the smallest with its probability, so precision is exact up to the quantile c. Samples do not
    determine the support of a model, so recall asks whether the mixture is as close to them as to equally many samples
    of its own. In addition to the error from the samples, both have a standard error of sqrt(alpha (1 - alpha) /
    draws), 0.0015 by default, and recall has the error from the single draw of n that sets the radius.

    Args:
      key: for the draws from the mixture.
      samples: [n, d].
      means: [k, d].
      sigma: the standard deviation of each mode.
      alpha: the share of the mixture outside the region.
      draws: the number of points used to estimate probabilities.

    Raises:
      ValueError: other shapes, numbers that are not finite, a sigma of 0 or less, or an alpha outside (0, 1).
    Source: highest-density regions, Hyndman 1996; balls as an estimate of a model's support, Sajjadi et al. 2018 and
      Kynkaanniemi et al. 2019.

    >>> import jax
    >>> means, rng = np.array([[-1.0, 0.0], [1.0, 0.0]]), np.random.default_rng(0)
    >>> one_mode = means[0] + 0.1 * rng.normal(size=(1000, 2))
    >>> found = mixture_support(jax.random.key(0), one_mode, means, 0.1)
    >>> f"{found.precision:.1f} {found.recall:.1f}"  # all samples are right, and half of the data is missing
    '0.9 0.5'
    """
    x, m = _checked(samples, means, sigma)
    check_draws(alpha, draws)
    rng = generator(key)
    y, own = (_draw(rng, m, sigma, count) for count in (draws, len(x)))
    edge = float(np.quantile(mixture_log_density(y, m, sigma), alpha))
    precision = float(np.mean(mixture_log_density(x, m, sigma) >= edge))
    return MixtureSupport(precision, *covered(x, own, y, alpha), edge)


def check_draws(alpha: float, draws: int) -> None:
    """Raises a ValueError unless alpha is within (0, 1) and draws at least 1."""
    if not 0 < alpha < 1 or draws < 1:
        raise ValueError(f"expected an alpha between 0 and 1 and at least 1 draw, got {alpha} and {draws}")


def covered(
    x: Float64[np.ndarray, "n d"], own: Float64[np.ndarray, "n d"], y: Float64[np.ndarray, "m d"], alpha: float
) -> tuple[float, float]:
    """The share of points y of the data within r of a sample x; r is so that 1 - alpha of y is within r of `own`.

    Example:
      >>> y = np.array([[0.0], [1.0], [2.0], [3.0]])
      >>> covered(y[:2], y[1:3], y, 0.5)[0]
      0.5
    """
    from scipy.spatial import KDTree

    radius = float(np.quantile(KDTree(own).query(y)[0], 1 - alpha))
    return float(np.mean(KDTree(x).query(y)[0] <= radius)), radius


def mixture_transport(key: Key, samples: ArrayLike, means: ArrayLike, sigma: float) -> MixtureTransport:
    """The exact Wasserstein-2 distance from samples [n, d] to n samples of the mixture, and between two such draws.

    Both use `wasserstein2`, so n is at most 5,000. The distance to the distribution itself has no closed form, except
    between two Gaussians, see `frechet_distance`.

    Raises:
      ValueError: other shapes, more than 5,000 samples, numbers that are not finite, or a sigma of 0 or less.

    >>> import jax
    >>> found = mixture_transport(jax.random.key(0), np.zeros((100, 2)), [[-1.0, 0.0], [1.0, 0.0]], 0.01)
    >>> f"{found.distance:.2f}", found.n  # each mode has distance 1 from all samples
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
        raise ValueError(f"samples and means must have the same dimension, got shapes {x.shape} and {m.shape}")
    if not sigma > 0 or not np.isfinite(sigma):
        raise ValueError(f"sigma must be a finite number above 0, got {sigma}")
    return x, m
