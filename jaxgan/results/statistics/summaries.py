"""A metric over seeds of which some failed.

A failed seed is a result, not a gap: it enters with its metric's worst value, and when too many fail there is
no number to report at all.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import ArrayLike

from jaxgan.results.statistics.comparison import Comparison, signed_rank_p, signed_ranks, smallest_p
from jaxgan.results.statistics.interval import UNDEFINED, Interval, Rng, one_axis, subtract
from jaxgan.results.statistics.means import TRIM, iqm_interval


class Summary(NamedTuple):
    """An interval over seeds, or over pairs of seeds; all NaN when it is not defined.

    Where it is not defined three statistics say how good a failing method is: `measured` of the values of all seeds as
    measured, whether they failed or not; `at_worst` of all seeds with failed ones at their worst; and `others` of the
    seeds alone that did not fail. None is an estimate to compare methods by, least of all the last, which rewards
    failing where it is hard.
    """

    interval: Interval
    seeds: int
    failed: int
    defined: bool
    measured: Interval = UNDEFINED
    at_worst: Interval = UNDEFINED
    others: Interval = UNDEFINED  # NaN where all failed


def summarize(
    values: ArrayLike,
    failed: ArrayLike,
    *,
    worst: float,
    rng: Rng,
    confidence: float = 0.95,
    resamples: int = 9_999,
) -> Summary:
    """The interquartile mean of a metric's values [n] over n seeds, of which some failed ([n] booleans).

    A failed seed enters as `worst`, its metric's worst value (0 modes, an infinite distance). NaN counts as
    failed, and is `worst` among the values as measured, too. Undefined when more than a quarter of the seeds
    failed. Up to then the interquartile mean cuts all of them, so that the estimate is finite even where `worst`
    is not; a bound of the interval need not be.

    Raises: ValueError for mismatched shapes.

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
    """The interquartile mean of the paired differences a - b; a[i] and b[i] come from one seed, all are [n].

    A failed (or NaN) seed enters as `worst`, as in `summarize`: a pair in which a alone failed is worst - b,
    one in which b alone failed is a - worst. Where both failed neither did better, and the difference is 0.
    A pair has failed when either has; undefined when more than a quarter of the pairs have.

    Raises: ValueError for mismatched shapes.

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
    """a against b, both [n], on common seeds: the difference of `summarize_difference`, and its `signed_rank_p`.

    Failed seeds enter both as there. Where more than a quarter of the pairs have failed there is no interval, and the
    test, which takes ranks alone, still says whether a or b is the better: "p" is never undefined.

    Args:
      a: a metric's values.
      b: likewise, from the same seeds in the same order.
      failed_a: booleans.
      failed_b: booleans.
      worst: what a failed seed enters with.
      rng: a seed or a `numpy.random.Generator`.
      confidence: of the interval.
      resamples: of the bootstrap.

    Raises: ValueError for mismatched shapes.

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
    """The differences [n] with failed seeds at `worst` and as measured, and which pairs have failed.

    Raises: ValueError for mismatched shapes.
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
