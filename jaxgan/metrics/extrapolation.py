"""The Frechet distance of infinitely many samples, extrapolated from its values at several numbers of them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import ArrayLike

from jaxgan.metrics.frechet import Moments, frechet_distance, moments
from jaxgan.metrics.inputs import checked_features, generator
from jaxgan.types import Key


class FrechetAtInfinity(NamedTuple):
    """A line through Frechet distances against 1 / n, and where it meets 1 / n = 0."""

    value: float  # the intercept: without the bias of the features' finite number
    low: float  # the interval of the intercept
    high: float
    bias: float  # the line at N less its intercept: what a distance of all N features is too large by
    sizes: Int[np.ndarray, " sizes"]
    distances: Float64[np.ndarray, " sizes"]


def frechet_at_infinity(
    key: Key, features: ArrayLike, reference: Moments, *, sizes: int = 15, least: int | None = None, level: float = 0.95
) -> FrechetAtInfinity:
    """The Frechet distance to a reference as the number of features [N, d] goes to infinity.

        distance(n) = value + slope / n,   least squares over `sizes` numbers n evenly spaced from `least` to N

    each the distance of a random subset of n features. The bias falls like 1 / n where n is well above d; with n below
    d the covariance is of rank n - 1 and the line is not straight, so `least` should be several times d. The reference
    keeps the bias of its own finite number.

    The interval is Student's of the intercept. It takes the distances for independent, which subsets of the same
    features are not: it says how far another choice of subsets would move the value, and is too narrow as an interval
    over new features (of sets of 2,000 in 5 dimensions intervals of 95 % held the limit for 59 %).

    Args:
      key: of the subsets.
      features: [N, d].
      reference: the moments of the other set.
      sizes: how many distances the line goes through, at least 3.
      least: the smallest number of features; N / 10 where none is given.
      level: of the interval.

    Raises:
      ValueError: features that are not finite or not of the reference's dimension, fewer than 3 sizes, or a least
        number that is not from 2 to N - sizes + 1.
    Source: Chong and Forsyth 2020, Effectively unbiased FID and inception score and where to find them.

    >>> import jax
    >>> x, r = np.random.default_rng(0).normal(size=(2, 4000, 3))
    >>> found = frechet_at_infinity(jax.random.key(0), x, moments(r))
    >>> bool(found.value < frechet_distance(moments(x), moments(r))), len(found.sizes)
    (True, 15)
    """
    from scipy.stats import linregress, t

    x = checked_features("features", features, least=2)
    least = max(len(x) // 10, 2) if least is None else least
    if sizes < 3 or not 2 <= least <= len(x) - sizes + 1:
        raise ValueError(f"expected 3 sizes or more from at least 2 up to {len(x)}, got {sizes} from {least}")
    rng, numbers = generator(key), np.linspace(least, len(x), sizes).astype(int)
    subsets = (x[rng.permutation(len(x))[:n]] for n in numbers)
    distances = np.array([frechet_distance(moments(subset), reference) for subset in subsets])
    line = linregress(1 / numbers, distances)
    half = float(t.ppf((1 + level) / 2, sizes - 2) * line.intercept_stderr)
    value = float(line.intercept)
    return FrechetAtInfinity(value, value - half, value + half, float(line.slope) / len(x), numbers, distances)
