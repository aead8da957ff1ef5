"""Time to failure: runs that did not fail or were stopped early are censored at their last observed step."""

import warnings
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import ArrayLike

from jaxgan.results.statistics.interval import one_axis
from jaxgan.results.statistics.shares import wilson_interval


class Survival(NamedTuple):
    """The share of runs that have not failed after each of `times`, with its interval; 1 before the first time."""

    times: Float64[np.ndarray, " time"]  # steps at which a run failed or was last observed
    share: Float64[np.ndarray, " time"]
    low: Float64[np.ndarray, " time"]
    high: Float64[np.ndarray, " time"]
    runs: int
    failed: int


def kaplan_meier(times: ArrayLike, failed: ArrayLike, *, confidence: float = 0.95) -> Survival:
    """Return the Kaplan-Meier estimate (1958) of the share of runs that have not failed over time.

    When d of the n runs at risk fail, the share is multiplied by (n - d) / n. The interval at each time is that of
    log(-log(share)) with Greenwood's variance. That interval is undefined at shares of 1 and 0, where Wilson's is used:
    for the runs still at risk if the share is 1, for all runs if it is 0.

    Args:
      times: [run], the step at which a run failed or was last observed.
      failed: [run] booleans; False means censored: the run had not failed by then.
      confidence: the pointwise level of the interval at each time.

    Raises: ValueError if the shapes do not match or a time is not finite.

    >>> kaplan_meier([100, 200, 400, 400], [True, True, False, False]).share.tolist()
    [0.75, 0.5, 0.5]
    """
    from scipy import stats

    at, flags = _runs(times, failed)
    found = stats.ecdf(_censored(at, flags)).sf
    share = np.asarray(found.probabilities, np.float64)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the interval is undefined where the share is 1 or 0
        interval = found.confidence_interval(confidence, method="log-log")
    low, high = (np.array(side.probabilities, np.float64) for side in interval)
    for i in np.flatnonzero((share == 1) | (share == 0)):
        watched = len(at) if share[i] == 0 else int(np.sum(at >= found.quantiles[i]))
        own = wilson_interval(int(share[i] == 1) * watched, watched, confidence=confidence)
        low[i], high[i] = own.low, own.high
    return Survival(np.asarray(found.quantiles, np.float64), share, low, high, len(at), int(flags.sum()))


def logrank_p(times_a: ArrayLike, failed_a: ArrayLike, times_b: ArrayLike, failed_b: ArrayLike) -> float:
    """Return the two-sided p-value of the logrank test (Mantel 1966) for times to failure [n] and [m] of two groups.

    The null hypothesis is that the runs at risk fail with the same probability in both groups at every time. The result
    is 1 if no run failed. The test is asymptotic: with 8 runs per group, it rejects equal groups in 5 to 6 % of cases.

    Raises: ValueError as `kaplan_meier`.

    >>> round(logrank_p([1, 2, 3, 4], [True] * 4, [9, 9, 9, 9], [False] * 4), 4)
    0.0067
    """
    from scipy import stats

    a, b = _runs(times_a, failed_a), _runs(times_b, failed_b)
    if not (a[1].any() or b[1].any()):
        return 1.0
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no variance if only one run is left
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
