"""Time to failure: runs that did not fail, or were stopped before they could, count as long as they were watched."""

import warnings
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import ArrayLike

from jaxgan.results.statistics.interval import one_axis
from jaxgan.results.statistics.shares import wilson_interval


class Survival(NamedTuple):
    """The share of the runs that have not failed after each of `times`, with its interval; until the first it is 1."""

    times: Float64[np.ndarray, " time"]  # at which a run failed or was seen last
    share: Float64[np.ndarray, " time"]
    low: Float64[np.ndarray, " time"]
    high: Float64[np.ndarray, " time"]
    runs: int
    failed: int


def kaplan_meier(times: ArrayLike, failed: ArrayLike, *, confidence: float = 0.95) -> Survival:
    """How long runs last: the estimate of Kaplan and Meier (1958).

    At each time at which d of the n runs that were still watched failed, the share falls by (n - d) / n. The interval
    at a time is that of log(-log(share)) with Greenwood's variance; where the share is 1 or 0, and that has none,
    Wilson's of the runs still watched, or of all.

    Args:
      times: [run], the step at which it failed, or up to which it was watched.
      failed: [run] booleans; False: censored, it had not failed by then.
      confidence: of the interval at each time, not of all together.

    Raises: ValueError for mismatched shapes, and for times that are not finite.

    >>> kaplan_meier([100, 200, 400, 400], [True, True, False, False]).share.tolist()
    [0.75, 0.5, 0.5]
    """
    from scipy import stats

    at, flags = _runs(times, failed)
    found = stats.ecdf(_censored(at, flags)).sf
    share = np.asarray(found.probabilities, np.float64)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that the interval is undefined where the share is 1 or 0
        interval = found.confidence_interval(confidence, method="log-log")
    low, high = (np.array(side.probabilities, np.float64) for side in interval)
    for i in np.flatnonzero((share == 1) | (share == 0)):
        watched = len(at) if share[i] == 0 else int(np.sum(at >= found.quantiles[i]))
        own = wilson_interval(int(share[i] == 1) * watched, watched, confidence=confidence)
        low[i], high[i] = own.low, own.high
    return Survival(np.asarray(found.quantiles, np.float64), share, low, high, len(at), int(flags.sum()))


def logrank_p(times_a: ArrayLike, failed_a: ArrayLike, times_b: ArrayLike, failed_b: ArrayLike) -> float:
    """The p-value of two groups' times to failure, [n] and [m], by the logrank test (Mantel 1966), two-sided.

    The hypothesis is that at each time those still watched fail with the same probability in both. 1 where none did.
    The distribution is that of many runs: with 8 in each group the test calls 5 to 6 % of equal ones different.

    Raises: ValueError as `kaplan_meier`.

    >>> round(logrank_p([1, 2, 3, 4], [True] * 4, [9, 9, 9, 9], [False] * 4), 4)
    0.0067
    """
    from scipy import stats

    a, b = _runs(times_a, failed_a), _runs(times_b, failed_b)
    if not (a[1].any() or b[1].any()):
        return 1.0
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # one run is left of both groups: no variance
        p = float(stats.logrank(_censored(*a), _censored(*b)).pvalue)
    return 1.0 if np.isnan(p) else p


def _runs(times: ArrayLike, failed: ArrayLike) -> tuple[Float64[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    at, flags = one_axis(times), np.asarray(failed, bool)
    if at.shape != flags.shape:
        raise ValueError(f"expected one failed flag per time, got shapes {at.shape} and {flags.shape}")
    if not np.isfinite(at).all():
        raise ValueError("expected finite times, got some that are not; a run that never failed is censored")
    return at, flags


def _censored(at: Float64[np.ndarray, " n"], failed: Bool[np.ndarray, " n"]) -> "object":
    from scipy import stats

    return stats.CensoredData(uncensored=at[failed], right=at[~failed])
