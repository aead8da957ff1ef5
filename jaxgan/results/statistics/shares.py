"""Shares of seeds that failed."""

from jaxgan.results.statistics.interval import Interval


def wilson_interval(failures: int, n: int, *, confidence: float = 0.95) -> Interval:
    """The share of failures among n seeds, with Wilson's score interval (1927).

    Unlike the normal approximation it stays within [0, 1], and is not a point when no seed failed.

    Raises: ValueError unless 0 <= failures <= n and n >= 1.

    >>> [round(value, 3) for value in wilson_interval(0, 8)]
    [0.0, 0.0, 0.324]
    """
    from scipy import stats

    if not 0 <= failures <= n or n == 0:
        raise ValueError(f"expected 0 <= failures <= n and n >= 1, got {failures} failures among {n}")
    ci = stats.binomtest(failures, n).proportion_ci(confidence_level=confidence, method="wilson")
    return Interval(failures / n, float(ci.low), float(ci.high))
