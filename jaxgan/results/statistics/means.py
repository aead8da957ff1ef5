"""Interquartile mean, median and mean over seeds, with bootstrap intervals."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxgan.results.statistics.bootstrap import Statistic, percentile_interval, replicates
from jaxgan.results.statistics.interval import UNDEFINED, Interval, Rng, one_axis, two_axes

TRIM = 0.25  # the share that an interquartile mean cuts at each end, and so the share of failures that it tolerates


def interquartile_mean(x: ArrayLike) -> float:
    """Return the mean of x [n] without its floor(n / 4) smallest and its floor(n / 4) largest values.

    Infinite values are allowed and have no effect if they are cut. The result is NaN if any value is NaN.

    Raises: ValueError unless x is [n] with n >= 1, here and below.

    >>> interquartile_mean([1.0, 2.0, 4.0, float("inf")])
    3.0
    """
    return _estimate(one_axis(x)[None], _middle)


def iqm_interval(x: ArrayLike, *, confidence: float = 0.95, resamples: int = 9_999, rng: Rng) -> Interval:
    """Return the interquartile mean over seeds x [n] with a bootstrap interval, as `stratified_interval` of one row.

    The interval is a point if all seeds agree, and NaN for fewer than two seeds. With 8 or more seeds, a 95 % interval
    has a coverage of 94 to 96 % (for normal and skewed values, with and without failures; 92 to 95 % for mode counts).
    With 4 seeds it extends from the smallest to the largest value and covers 79 to 88 %.

    rng is a seed or a `numpy.random.Generator`: the same seed gives the same interval.

    >>> iqm_interval([8.0, 8.0, 8.0, 8.0], rng=0)
    Interval(estimate=8.0, low=8.0, high=8.0)
    >>> [round(value, 1) for value in iqm_interval([7.0, 8.0, 8.0, 8.0, 6.0, 8.0, 5.0, 8.0], rng=0)]
    [7.8, 6.2, 8.0]
    """
    return stratified_interval(one_axis(x)[None], confidence=confidence, resamples=resamples, rng=rng)


def stratified_interval(
    x: ArrayLike,
    statistic: str = "interquartile mean",
    *,
    confidence: float = 0.95,
    resamples: int = 9_999,
    rng: Rng,
) -> Interval:
    """Return a statistic of all values x [configuration, seed] with a bootstrap interval (Agarwal et al. 2021).

    Seeds are resampled within each configuration, so the interval says nothing about other configurations. The bounds
    are percentiles of the replicates, taken slightly farther out (`tail_share`). For the mean, the replicates are
    studentized (Efron 1982) if the bounds are then finite: a 95 % interval covers 93 to 96 % with 8 or more seeds, and
    90 to 93 % for values as skewed as exp(normal) or with tails as heavy as those of t with 3 degrees of freedom.

    The result is NaN if any value is NaN, and the bounds are NaN for fewer than two seeds.

    Args:
      x: the values; infinite ones are allowed and have no effect if the statistic cuts them.
      statistic: "interquartile mean", "median" or "mean".
      confidence: the level of the interval.
      resamples: the number of bootstrap resamples.
      rng: a seed or a `numpy.random.Generator`.

    Raises: ValueError for other shapes and statistics.

    >>> stratified_interval([[8.0, 8.0], [2.0, 2.0]], "mean", rng=0)
    Interval(estimate=5.0, low=5.0, high=5.0)
    """
    values, rng = two_axes(x), np.random.default_rng(rng)
    if statistic not in _STATISTICS:
        raise ValueError(f"statistic must be one of {', '.join(_STATISTICS)}, got {statistic!r}")
    estimate, n = _estimate(values, _STATISTICS[statistic]), values.shape[1]
    if n < 2 or np.isnan(values).any():
        return Interval(estimate, *UNDEFINED[1:])
    if statistic == "mean" and np.isfinite(values).all():
        studentized = _studentized(values, estimate, confidence, resamples, rng)
        if np.isfinite(studentized).all():
            return studentized
    found = replicates(values, _STATISTICS[statistic], resamples, rng)
    return percentile_interval(estimate, found, n, confidence)


def _studentized(
    x: NDArray[np.float64], estimate: float, confidence: float, resamples: int, rng: np.random.Generator
) -> Interval:
    """Return the bootstrap-t interval of the mean; its bounds are infinite if the replicates have no spread."""

    def t(samples: NDArray[np.float64]) -> NDArray[np.float64]:
        off = samples.mean(axis=(-2, -1)) - estimate
        return np.where(np.abs(off) <= 1e-12 * np.abs(estimate), 0.0, off / _standard_error(samples))

    tail = int(resamples * (1 - confidence) / 2)
    ordered, error = np.sort(replicates(x, t, resamples, rng)), float(_standard_error(x))
    if error == 0:
        return Interval(estimate, estimate, estimate)
    return Interval(estimate, estimate - error * float(ordered[-1 - tail]), estimate - error * float(ordered[tail]))


def _standard_error(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard error of the mean of x [..., configuration, seed] from the spread within configurations."""
    k, n = x.shape[-2:]
    return np.sqrt(x.var(axis=-1, ddof=1).sum(axis=-1) / n) / k


def _estimate(x: NDArray[np.float64], statistic: Statistic) -> float:
    if np.isnan(x).any():  # NaN sorts last and would be cut
        return float("nan")
    with np.errstate(invalid="ignore"):  # inf and -inf both in the middle: NaN
        return float(statistic(x))


def _middle(x: NDArray[np.float64]) -> Any:
    from scipy import stats

    return stats.trim_mean(_flat(x), TRIM, axis=-1)


def _flat(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return x.reshape(*x.shape[:-2], -1)


_STATISTICS: dict[str, Statistic] = {
    "interquartile mean": _middle,
    "median": lambda x: np.median(_flat(x), axis=-1),
    "mean": lambda x: np.mean(_flat(x), axis=-1),
}
