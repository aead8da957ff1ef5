"""Summarize a metric over seeds when some of them failed.

A failed seed is a result, not a missing value: it counts with its metric's worst value. If too many seeds fail, the
summary is undefined.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import ArrayLike

from jaxgan.results.statistics.comparison import Comparison, signed_rank_p, signed_ranks, smallest_p
from jaxgan.results.statistics.interval import UNDEFINED, Interval, Rng, one_axis, subtract
from jaxgan.results.statistics.means import TRIM, iqm_interval


class Summary(NamedTuple):
    """An interval over seeds or pairs of seeds; NaN if it is undefined.

    If it is undefined, three statistics describe a failing method: `measured` uses the measured values of all seeds,
    failed or not; `at_worst` uses all seeds, with failed ones at their worst value; and `others` uses only the seeds
    that did not fail. None of them is suitable for comparing methods, least of all `others`, which rewards failing on
    hard seeds.
    """

    interval: Interval
    seeds: int
    failed: int
    defined: bool
    measured: Interval = UNDEFINED
    at_worst: Interval = UNDEFINED
    others: Interval = UNDEFINED  # NaN if all failed


def summarize(
    values: ArrayLike,
    failed: ArrayLike,
    *,
    worst: float,
    rng: Rng,
    confidence: float = 0.95,
    resamples: int = 9_999,
) -> Summary:
    """Return the interquartile mean of a metric's values [n] over n seeds, some of which failed ([n] booleans).

    A failed seed counts as `worst`, the metric's worst value (0 modes, an infinite distance). NaN counts as failed, and
    is also replaced by `worst` in the statistic `measured`. The summary is undefined if more than a quarter of the
    seeds failed. Up to that share the interquartile mean cuts all of them, so the estimate is finite even if `worst` is
    not; a bound of the interval may still be infinite.

    Raises: ValueError if the shapes do not match.

    >>> summary = summarize([7.0, 8.0, 8.0, 7.5], [False] * 4, worst=0.0, rng=0)
    >>> summary.interval.estimate, summary.failed
    (7.75, 0)
    """
    measured, flags = one_axis(values), np.asarray(failed, dtype=bool)
    if measured.shape != flags.shape:
        raise ValueError(f"expected one failed flag per value, got shapes {measured.shape} and {flags.shape}")
    missing = np.isnan(measured)
    flags = flags | missing
    as_measured = np.where(missing, worst, measured)
    return _summary(np.where(flags, worst, measured), as_measured, flags, rng, confidence, resamples)


def summarize_difference(
    a: ArrayLike,
    b: ArrayLike,
    failed_a: ArrayLike,
    failed_b: ArrayLike,
    *,
    worst: float,
    rng: Rng,
    confidence: float = 0.95,
    resamples: int = 9_999,
) -> Summary:
    """Return the interquartile mean of the paired differences a - b, all [n]; a[i] and b[i] come from the same seed.

    A failed (or NaN) seed counts as `worst`, as in `summarize`: the difference is worst - b if only a failed, a - worst
    if only b failed, and 0 if both failed. A pair counts as failed if either seed failed; the summary is undefined if
    more than a quarter of the pairs failed.

    Raises: ValueError if the shapes do not match.

    >>> summary = summarize_difference([3.0, 5.0], [1.0, 2.0], [False] * 2, [False] * 2, worst=np.inf, rng=0)
    >>> summary.interval
    Interval(estimate=2.5, low=2.0, high=3.0)
    """
    entered, as_measured, failed = paired_differences(a, b, failed_a, failed_b, worst=worst)
    return _summary(entered, as_measured, failed, rng, confidence, resamples)


def compare_pairs(
    a: ArrayLike,
    b: ArrayLike,
    failed_a: ArrayLike,
    failed_b: ArrayLike,
    *,
    worst: float,
    rng: Rng,
    confidence: float = 0.95,
    resamples: int = 9_999,
) -> Comparison:
    """Compare a and b, both [n], on common seeds: their `summarize_difference` and its `signed_rank_p`.

    Failed seeds are treated as in `summarize_difference`. If more than a quarter of the pairs failed, there is no
    interval, but the test uses only ranks and still tells whether a or b is better: `p` is never undefined.

    Args:
      a: the values of a metric.
      b: the values of the same metric for the same seeds in the same order.
      failed_a: [n] booleans, which seeds of a failed.
      failed_b: [n] booleans, which seeds of b failed.
      worst: the value that a failed seed counts with.
      rng: a seed or a `numpy.random.Generator`.
      confidence: the level of the interval.
      resamples: the number of bootstrap resamples.

    Raises: ValueError if the shapes do not match.

    >>> a, b, fine = np.arange(8.0) + 3, np.zeros(8), np.zeros(8, bool)
    >>> compare_pairs(a, b, fine, fine, worst=np.inf, rng=0).p == 2 / 256
    True
    """
    entered, as_measured, failed = paired_differences(a, b, failed_a, failed_b, worst=worst)
    summary = _summary(entered, as_measured, failed, rng, confidence, resamples)
    sign, n = int(np.sign(signed_ranks(entered).sum())), summary.seeds
    return Comparison(summary.interval, signed_rank_p(entered), n, summary.failed, smallest_p(n), sign)


def paired_differences(
    a: ArrayLike, b: ArrayLike, failed_a: ArrayLike, failed_b: ArrayLike, *, worst: float
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Return the differences [n] with failed seeds at `worst`, those as measured, and which pairs failed.

    Raises: ValueError if the shapes do not match.
    """
    values = [one_axis(a), one_axis(b)]
    flags = [np.asarray(failed_a, dtype=bool), np.asarray(failed_b, dtype=bool)]
    if len({array.shape for array in (*values, *flags)}) != 1:
        shapes = ", ".join(str(array.shape) for array in (*values, *flags))
        raise ValueError(f"expected a, b, failed_a and failed_b of one shape, got {shapes}")
    missing = [np.isnan(value) for value in values]
    flags = [flag | gap for flag, gap in zip(flags, missing, strict=True)]
    entered, as_measured = (
        subtract(*(np.where(absent, worst, value) for absent, value in zip(which, values, strict=True)))
        for which in (flags, missing)
    )
    return entered, as_measured, flags[0] | flags[1]


def _summary(
    values: Float64[np.ndarray, " n"],
    as_measured: Float64[np.ndarray, " n"],
    failed: Bool[np.ndarray, " n"],
    rng: Rng,
    confidence: float,
    resamples: int,
) -> Summary:
    count = int(np.sum(failed))
    if count > TRIM * len(values):
        kinds = {"measured": as_measured, "at_worst": values, "others": values[~failed]}
        found = {
            name: iqm_interval(kind, confidence=confidence, resamples=resamples, rng=rng) if len(kind) else UNDEFINED
            for name, kind in kinds.items()
        }
        return Summary(UNDEFINED, len(values), count, defined=False, **found)
    interval = iqm_interval(values, confidence=confidence, resamples=resamples, rng=rng)
    return Summary(interval, len(values), count, defined=True)
