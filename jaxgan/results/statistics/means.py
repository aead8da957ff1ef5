"""The interquartile mean over seeds, and its bootstrap interval."""

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxgan.results.statistics.interval import UNDEFINED, Interval, Rng, one_axis

TRIM = 0.25  # what an interquartile mean cuts at each end, and so the share of failures it withstands


def interquartile_mean(x: ArrayLike) -> float:
    """The mean of x [n] without its floor(n / 4) smallest and its floor(n / 4) largest values.

    Infinite values are allowed, and do not matter where they are cut. NaN where any value is.

    Raises: ValueError unless x is [n] with n >= 1, here and below.

    >>> interquartile_mean([1.0, 2.0, 4.0, float("inf")])
    3.0
    """
    from scipy import stats

    values = one_axis(x)
    if np.isnan(values).any():  # scipy 1.15 sorts NaN to the end and cuts it
        return float("nan")
    with np.errstate(invalid="ignore"):  # inf and -inf both in the middle half: NaN
        return float(stats.trim_mean(values, TRIM))


def iqm_interval(x: ArrayLike, *, confidence: float = 0.95, resamples: int = 9_999, rng: Rng) -> Interval:
    """The interquartile mean over seeds x [n], with a bootstrap interval (Agarwal et al. 2021).

    BCa (Efron 1987) where it exists. Where it does not, because a value is infinite or leaving out any one
    seed changes nothing, the percentile interval: a point when all seeds agree. NaN below two seeds.
    Few seeds make it somewhat short: at 8 normal seeds a 95 % interval covers 93 to 94 %.

    rng is a seed or a `numpy.random.Generator`: the same seed gives the same interval.

    >>> iqm_interval([8.0, 8.0, 8.0, 8.0], rng=0)
    Interval(estimate=8.0, low=8.0, high=8.0)
    >>> [round(value, 1) for value in iqm_interval([7.0, 8.0, 8.0, 8.0, 6.0, 8.0, 5.0, 8.0], rng=0)]
    [7.8, 6.2, 8.0]
    """
    from scipy import stats

    values, rng = one_axis(x), np.random.default_rng(rng)
    estimate = interquartile_mean(values)
    if len(values) < 2 or np.isnan(values).any():
        return Interval(estimate, *UNDEFINED[1:])

    def statistic(samples: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        return stats.trim_mean(samples, TRIM, axis=axis)

    if np.isfinite(values).all():
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # seen below, as NaN
            result = stats.bootstrap(  # method: BCa
                (values,), statistic, confidence_level=confidence, n_resamples=resamples, rng=rng
            )
        low, high = map(float, result.confidence_interval)
        if np.isfinite([low, high]).all():
            return Interval(estimate, low, high)

    with np.errstate(invalid="ignore"):
        replicates = statistic(values[rng.integers(len(values), size=(resamples, len(values)))])
    # Order statistics, as interpolating between infinities gives NaN. A replicate that mixes both infinities
    # is NaN itself: it could be anything, so it widens the interval on either side.
    tail = int(resamples * (1 - confidence) / 2)
    lows = np.sort(np.where(np.isnan(replicates), -np.inf, replicates))
    highs = np.sort(np.where(np.isnan(replicates), np.inf, replicates))
    return Interval(estimate, float(lows[tail]), float(highs[-1 - tail]))
