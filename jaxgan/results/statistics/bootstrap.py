"""Bootstrap replicates over seeds, and intervals computed from them."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike, NDArray

from jaxgan.results.statistics.interval import Interval

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # over the last two axes, [..., configuration, seed]

_AT_ONCE = 2**21  # number of values resampled at once: 16 MiB


def replicates(
    x: Float64[np.ndarray, "configuration seed"], statistic: Statistic, resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return bootstrap replicates [resample, ...] of the statistic, resampling seeds within each configuration."""
    k, n = x.shape
    rows = np.arange(k)[:, None]
    chunk = max(1, _AT_ONCE // x.size)
    sizes = [min(chunk, resamples - start) for start in range(0, resamples, chunk)]
    with np.errstate(invalid="ignore", divide="ignore"):  # infinities of both signs in one sample
        return np.concatenate([statistic(x[rows, rng.integers(n, size=(size, k, n))]) for size in sizes])


def tail_share(n: int, confidence: float) -> float:
    """Return the share of the replicates of n values to cut off at each end.

    On average, the variance of a sample, and so that of its replicates, is (n - 1) / n times that of the population.
    Taking normal quantiles farther out by a factor of sqrt(n / (n - 1)) corrects this (after Hesterberg 2015, who uses
    t quantiles).

    >>> round(tail_share(8, 0.95), 4), round(tail_share(10_000, 0.95), 4)
    (0.0181, 0.025)
    """
    from scipy import stats

    return float(stats.norm.cdf(stats.norm.ppf((1 - confidence) / 2) * np.sqrt(n / (n - 1))))


def percentile_bounds(
    replicate: ArrayLike, n: int, confidence: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bounds [...] of the interval from replicates [resample, ...] of a statistic of n seeds.

    The bounds are order statistics, because interpolating between infinities gives NaN. A replicate that contains both
    infinities is NaN: its value could be anything, so it widens the interval on both sides.
    """
    values = np.asarray(replicate, np.float64)
    tail = int(len(values) * tail_share(n, confidence))
    lows = np.sort(np.where(np.isnan(values), -np.inf, values), axis=0)
    highs = np.sort(np.where(np.isnan(values), np.inf, values), axis=0)
    return lows[tail], highs[-1 - tail]


def percentile_interval(estimate: float, replicate: ArrayLike, n: int, confidence: float) -> Interval:
    """Return the percentile interval of a scalar estimate from its replicates [resample]."""
    low, high = percentile_bounds(replicate, n, confidence)
    return Interval(estimate, float(low), float(high))
