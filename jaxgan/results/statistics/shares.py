"""Statistics of shares: of failed seeds, and of samples near each mode."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxgan.results.statistics.comparison import Comparison, smallest_p
from jaxgan.results.statistics.interval import Interval

MISSING, RARE_P = 0.1, 0.01


def missing_cells(
    shares: ArrayLike, expected: ArrayLike, n: int, *, fraction: float = MISSING, p: float = RARE_P
) -> NDArray[np.bool_]:
    """Return which of k modes, classes or cells are missing among n samples by more than chance, from shares [..., k].

    A cell is missing if its share is below `fraction` times its expected share [k] and a count as small as this has a
    probability below p / k if that were its true share: a binomial test of one cell of a multinomial distribution,
    Bonferroni-corrected.

    >>> missing_cells([0.5, 0.5, 0.0], [1 / 3] * 3, 30).tolist()
    [False, False, True]
    >>> missing_cells([0.5, 0.5, 0.0], [1 / 3] * 3, 9).tolist()
    [False, False, False]
    """
    from scipy import stats

    found, due = np.nan_to_num(np.asarray(shares, np.float64)), np.clip(np.asarray(expected, np.float64), 0, 1)
    chance = stats.binom.cdf(np.round(found * n), n, due)
    return np.asarray((found < fraction * due) & (chance < p / due.shape[-1]))


def wilson_interval(failures: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Return the share of failures among n seeds with Wilson's score interval (1927).

    Unlike the normal approximation, it stays within [0, 1] and does not shrink to a point if no seed failed.

    Raises: ValueError unless 0 <= failures <= n and n >= 1.

    >>> [round(value, 3) for value in wilson_interval(0, 8)]
    [0.0, 0.0, 0.324]
    """
    from scipy import stats

    if not 0 <= failures <= n or n == 0:
        raise ValueError(f"expected 0 <= failures <= n and n >= 1, got {failures} failures among {n}")
    ci = stats.binomtest(failures, n).proportion_ci(confidence_level=confidence, method="wilson")
    return Interval(failures / n, float(ci.low), float(ci.high))


def compare_failures(failed_a: ArrayLike, failed_b: ArrayLike, *, confidence: float = 0.95) -> Comparison:
    """Test whether a fails more often than b on common seeds, both [n] booleans, by McNemar's exact test (1947).

    Only the seeds where exactly one of them failed count: under the null hypothesis, it is a or b with probability 1/2
    each. The difference of the shares, a - b, has Newcombe's interval (1998, method 10), which combines the two Wilson
    intervals and their correlation.

    Raises: ValueError if the shapes do not match.

    >>> a, b = [True] * 8, [False] * 8
    >>> compare_failures(a, b).p == 2 / 256, compare_failures(a, a).p
    (True, 1.0)
    """
    from scipy import stats

    a, b = np.asarray(failed_a, bool), np.asarray(failed_b, bool)
    if a.ndim != 1 or a.shape != b.shape or not len(a):
        raise ValueError(f"expected failed_a and failed_b of one shape [n], n >= 1, got {a.shape} and {b.shape}")
    alone_a, alone_b, n = int(np.sum(a & ~b)), int(np.sum(b & ~a)), len(a)
    p = float(stats.binomtest(alone_a, alone_a + alone_b).pvalue) if alone_a + alone_b else 1.0
    both, neither = int(np.sum(a & b)), int(np.sum(~a & ~b))
    difference = _newcombe(both, alone_a, alone_b, neither, confidence)
    sign = int(np.sign(alone_a - alone_b))
    return Comparison(difference, p, n, both + alone_a + alone_b, smallest_p(n), sign)


def _newcombe(both: int, alone_a: int, alone_b: int, neither: int, confidence: float) -> Interval:
    n = both + alone_a + alone_b + neither
    a, b = (wilson_interval(both + alone, n, confidence=confidence) for alone in (alone_a, alone_b))
    margins = (both + alone_a) * (alone_b + neither) * (both + alone_b) * (alone_a + neither)
    excess = both * neither - alone_a * alone_b
    phi = (max(excess - n / 2, 0.0) if excess > 0 else excess) / np.sqrt(margins) if margins else 0.0
    estimate = (alone_a - alone_b) / n

    def reach(one: float, other: float) -> float:
        return float(np.sqrt(max(one**2 - 2 * phi * one * other + other**2, 0.0)))

    low = estimate - reach(a.estimate - a.low, b.high - b.estimate)
    return Interval(estimate, low, estimate + reach(a.high - a.estimate, b.estimate - b.low))
