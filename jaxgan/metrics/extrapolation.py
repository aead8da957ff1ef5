"""The Frechet distance for infinitely many samples, extrapolated from its values at several sample sizes."""

import math
from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import ArrayLike

from jaxgan.metrics.frechet import Moments, check_alike, distance_to, moments
from jaxgan.metrics.frechet_error import frechet_influence, frechet_standard_error
from jaxgan.metrics.inputs import checked_features, generator
from jaxgan.types import Key

# By simulation (d = 8 to 192, N / d = 4 to 50, Gaussian and t(8)) and, at d = 2,048, the bias by Marchenko and Pastur.
_FROM = 3  # times d: the smallest size, below which the distance needs powers of 1 / n above the second
_LEAST = 4.8  # times d: N at least, 1.6 times `_FROM`, for sizes that are far enough apart
_SIZES = 5  # at least, for a curve of 3 coefficients


class FrechetAtInfinity(NamedTuple):
    """A curve through Frechet distances against 1 / n, and where it meets 1 / n = 0; all NaN if N is too small."""

    value: float  # the intercept: free of the bias from a finite number of features
    low: float  # its interval, over new features and over subsets of them
    high: float
    bias: float  # the curve at N minus its intercept: the bias of the distance from all N features
    sizes: Int[np.ndarray, " sizes"]
    distances: Float64[np.ndarray, " sizes"]


def frechet_at_infinity(
    key: Key, features: ArrayLike, reference: Moments, *, sizes: int = 15, least: int | None = None, level: float = 0.95
) -> FrechetAtInfinity:
    """The Frechet distance to a reference as the number of features [N, d] goes to infinity.

        distance(n) = value + slope / n + curvature / n^2,   least squares over `sizes` numbers n from `least` to N

    where each distance uses a random subset of n features, and the numbers are evenly spaced. Chong and Forsyth fit a
    line, whose error grows as d^3 / N^2: for equal distributions in 64 dimensions and N = 8 d, no interval around the
    intercept of a line from N / 8 contained the limit. With N below 4.8 d all results are NaN, as nothing can be said.
    The bias from the finite size of the reference remains.

    The interval is over new features. It combines the standard errors of the distance (`frechet_standard_error`) and of
    the intercept by adding their squares. In simulations of 5 d to 50 d features in 8 to 192 dimensions, Gaussian or
    with longer tails, equal to the reference or not, 85 to 100 % of these intervals contained the limit, and 93 % on
    average. At 5 d they are wider than the distance.

    Args:
      key: for the subsets.
      features: [N, d].
      reference: the moments of the other set.
      sizes: the number of distances to fit, at least 5.
      least: the smallest number of features; by default N / 8, but at least 3 d.
      level: the confidence level of the interval.

    Raises:
      ValueError: features that are not finite or not of the reference's dimension, fewer than 5 sizes, or a `least`
        that is not from 2 to N - sizes + 1.
    Source: Chong and Forsyth 2020, Effectively unbiased FID and inception score and where to find them; the second
      power from the moments of a Wishart matrix, whose roots have a series in d / n.

    >>> import jax
    >>> x, r = np.random.default_rng(0).normal(size=(2, 4000, 3))
    >>> found = frechet_at_infinity(jax.random.key(0), x, moments(r))
    >>> bool(found.value < distance_to(moments(r))(moments(x))), len(found.sizes)
    (True, 15)
    """
    x = checked_features("features", features, least=2)
    if least is None and sizes >= _SIZES:
        if not can_extrapolate(*x.shape):
            check_alike(moments(x), reference)
            return _unknown()
        least = min(max(len(x) // 8, _FROM * x.shape[1], 2), len(x) - _SIZES + 1)
        sizes = min(sizes, len(x) - least + 1)
    if sizes < _SIZES or least is None or not 2 <= least <= len(x) - sizes + 1:
        raise ValueError(f"expected at least {_SIZES} sizes from at least 2 up to {len(x)}, got {sizes} from {least}")
    rng, numbers = generator(key), np.linspace(least, len(x), sizes).astype(int)
    subsets, distance = (x[rng.permutation(len(x))[:n]] for n in numbers), distance_to(reference)
    distances = np.array([distance(moments(subset)) for subset in subsets])
    influence = frechet_influence(x, moments(x), reference)
    return _curve(numbers, distances, float(np.std(influence) / np.sqrt(len(x))), np.inf, level)


def frechet_at_infinity_of_groups(
    key: Key, groups: Sequence[Moments], reference: Moments, *, sizes: int | None = None, level: float = 0.95
) -> FrechetAtInfinity:
    """`frechet_at_infinity` from the moments of random groups of features, so that the features need not be in memory.

    The distances use 2, 3, ... groups, from 3 d features on, chosen at random each time. The standard error comes from
    the groups. All results are NaN with fewer than 4.8 d features, or fewer than 5 such numbers of groups.

    Args:
      key: for the choice of groups.
      groups: the moments of random parts of the features, of about equal size.
      reference: the moments of the other set.
      sizes: the number of distances to fit, at evenly spaced numbers of groups; by default every number.
      level: the confidence level of the interval.

    Raises:
      ValueError: fewer than 4 groups or 5 sizes, a group of fewer than 2 features, or a dimension other than the
        reference's.

    >>> import jax
    >>> x, r = np.random.default_rng(0).normal(size=(2, 4000, 3))
    >>> groups = [moments(part) for part in np.split(x, 16)]
    >>> found = frechet_at_infinity_of_groups(jax.random.key(0), groups, moments(r))
    >>> bool(found.low < found.value < distance_to(moments(r))(moments(x))), len(found.sizes)
    (True, 15)
    """
    if len(groups) < 4 or (sizes is not None and sizes < _SIZES):
        raise ValueError(f"expected at least 4 groups and {_SIZES} sizes, got {len(groups)} and {sizes}")
    error, n, d = frechet_standard_error(groups, reference), sum(group.n for group in groups), len(reference.mean)
    if not can_extrapolate(n, d, len(groups)):
        return _unknown()
    rng, distance, every = generator(key), distance_to(reference), numbers_of_groups(n, d, len(groups))
    numbers = np.linspace(every[0], every[-1], min(sizes or len(every), len(every))).round().astype(int)
    chosen = ([groups[i] for i in rng.permutation(len(groups))[:k]] for k in numbers)
    subsets = [reduce(Moments.combine, some) for some in chosen]
    distances = np.array([distance(subset) for subset in subsets])
    return _curve(np.array([subset.n for subset in subsets]), distances, error, len(groups) - 1, level)


def can_extrapolate(n: int, d: int, groups: int | None = None) -> bool:
    """Whether there are enough examples n of d features, in this many groups if they are in groups, to extrapolate.

    >>> can_extrapolate(10_000, 2048, 16), can_extrapolate(5_000, 2048), can_extrapolate(8, 1, groups=4)
    (True, False, False)
    """
    return n >= max(_LEAST * d, 2 * _SIZES) and (groups is None or len(numbers_of_groups(n, d, groups)) > 0)


def numbers_of_groups(n: int, d: int, groups: int) -> range:
    """The numbers of groups whose examples, of n of d features, are sizes to extrapolate from; none if too few.

    >>> numbers_of_groups(1000, 64, 16), len(numbers_of_groups(200, 64, 16))
    (range(4, 17), 0)
    """
    found = range(max(2, math.ceil(_FROM * d * groups / n)), groups + 1)
    return found if n >= _LEAST * d and len(found) >= _SIZES else range(0)


def _unknown() -> FrechetAtInfinity:
    return FrechetAtInfinity(math.nan, math.nan, math.nan, math.nan, np.zeros(0, int), np.zeros(0))


def _curve(
    numbers: Int[np.ndarray, " sizes"],
    distances: Float64[np.ndarray, " sizes"],
    error: float,
    freedom: float,
    level: float,
) -> FrechetAtInfinity:
    """The intercept of the curve; `error` is that of the distance over new features, with its degrees of freedom."""
    from scipy.stats import t

    powers = np.vander(numbers[0] / numbers, 3, increasing=True)  # of numbers up to 1
    inverse = np.linalg.inv(powers.T @ powers)
    found = inverse @ powers.T @ distances
    free = len(numbers) - 3
    variance = float(np.sum((distances - powers @ found) ** 2)) / free
    of_curve = t.ppf((1 + level) / 2, free) * np.sqrt(variance * inverse[0, 0])
    half = float(np.hypot(of_curve, t.ppf((1 + level) / 2, freedom) * error))
    value = float(found[0])
    return FrechetAtInfinity(value, value - half, value + half, float(powers[-1] @ found) - value, numbers, distances)
