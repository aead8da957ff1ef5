"""Compute the power of the tests of `compare_pairs` and `compare_failures`, and the number of seeds they need."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from jaxgan.results.statistics.comparison import seeds_for_p
from jaxgan.results.statistics.interval import Rng

MOST = 10_000  # the search for a number of seeds stops here
_SIMULATED = 200  # up to this number of seeds, studies are simulated


def power_of_difference(
    difference: float,
    seeds: int,
    *,
    alpha: float = 0.05,
    comparisons: int = 1,
    simulations: int = 10_000,
    rng: Rng,
) -> float:
    """Return the simulated power of `signed_rank_p` to detect a difference with this number of seeds.

    Paired differences are normal with a mean of `difference` standard deviations. With several planned comparisons,
    this is the power of the comparison for which Holm's correction is strictest: p <= alpha / comparisons. Above 200
    seeds it is the power of a z-test with 3 / pi times as many seeds (Hodges and Lehmann 1956).

    Args:
      difference: the mean of paired differences in units of their standard deviation.
      seeds: the number of pairs.
      alpha: the family-wise error rate.
      comparisons: the number of planned comparisons.
      simulations: the number of simulated studies; the standard error is at most 0.5 / sqrt(simulations).
      rng: a seed or a `numpy.random.Generator`.

    Raises: ValueError if an argument is out of range.

    >>> power_of_difference(1.0, 5, rng=0)  # 2 / 2^5 is more than 0.05
    0.0
    >>> round(power_of_difference(1.0, 12, rng=0), 1)
    0.8
    """
    from scipy import stats

    if not 0 < abs(difference) < np.inf:
        raise ValueError(f"difference must be a finite number of standard deviations other than 0, got {difference}")
    if seeds < 1:
        raise ValueError(f"seeds must be at least 1, got {seeds}")
    if seeds < seeds_for_p(alpha, comparisons):
        return 0.0
    if seeds > _SIMULATED:
        limit, mean = stats.norm.isf(alpha / comparisons / 2), abs(difference) * np.sqrt(3 / np.pi * seeds)
        return float(stats.norm.sf(limit - mean) + stats.norm.cdf(-limit - mean))
    rng = np.random.default_rng(rng)

    def draw(size: tuple[int, ...]) -> NDArray[np.float64]:
        return rng.normal(difference, 1.0, size)

    def p_value(x: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        return stats.wilcoxon(x, axis=axis, method="exact").pvalue  # equals `signed_rank_p` if there are no ties

    found = stats.power(p_value, draw, (seeds,), significance=alpha / comparisons, n_resamples=simulations)
    return float(np.squeeze(found.power))


def power_of_rates(p1: float, p2: float, seeds: int, *, alpha: float = 0.05, comparisons: int = 1) -> float:
    """Return the exact power of `compare_failures` to detect a difference between failure rates p1 and p2.

    Failures under the two configurations are assumed to be independent. If they are positively correlated, fewer seeds
    suffice, because more of the seeds that fail under only one configuration fail under the same one.

    Args:
      p1: the failure rate of one configuration.
      p2: the failure rate of the other.
      seeds: the number of common seeds.
      alpha: the family-wise error rate.
      comparisons: the number of planned comparisons; p <= alpha / comparisons, as in `power_of_difference`.

    Raises: ValueError if an argument is out of range.

    >>> power_of_rates(1.0, 0.0, 6), power_of_rates(1.0, 0.0, 5)
    (1.0, 0.0)
    """
    from scipy import stats

    _check_rates(p1, p2)
    if seeds < 1:
        raise ValueError(f"seeds must be at least 1, got {seeds}")
    least = seeds_for_p(alpha, comparisons)
    first, second = p1 * (1 - p2), p2 * (1 - p1)
    alone = np.arange(least, seeds + 1)  # numbers of seeds that failed under only one configuration
    if not len(alone):
        return 0.0
    # The largest count of the rarer kind for which twice the binomial tail is at most alpha.
    level = alpha / comparisons / 2
    most = stats.binom.ppf(level, alone, 0.5)
    most = np.where(stats.binom.cdf(most, alone, 0.5) > level, most - 1, most)
    share = first / (first + second)
    seen = stats.binom.cdf(most, alone, share) + stats.binom.sf(alone - most - 1, alone, share)
    return float(np.sum(stats.binom.pmf(alone, seeds, first + second) * seen))


def seeds_for_difference(
    difference: float, *, power: float = 0.8, alpha: float = 0.05, comparisons: int = 1, rng: Rng
) -> int | None:
    """Return the number of seeds needed to detect a difference with the given power; None if more than 10,000.

    The power is that of `power_of_difference`.

    Args:
      difference: the mean of paired differences in units of their standard deviation.
      power: the required probability of detecting the difference.
      alpha: the family-wise error rate.
      comparisons: the number of planned comparisons.
      rng: a seed or a `numpy.random.Generator`.

    Raises: ValueError if an argument is out of range.

    >>> seeds_for_difference(1.0, rng=0)
    11
    """
    start = int(np.random.default_rng(rng).integers(2**32))  # use the same stream for every number of seeds

    def reached(seeds: int) -> bool:
        return power_of_difference(difference, seeds, alpha=alpha, comparisons=comparisons, rng=start) >= power

    return _fewest(reached, seeds_for_p(alpha, comparisons), power)


def seeds_for_rates(
    p1: float, p2: float, *, power: float = 0.8, alpha: float = 0.05, comparisons: int = 1
) -> int | None:
    """Return the number of seeds needed to tell failure rates p1 and p2 apart; None if more than 10,000.

    The power is that of `power_of_rates`.

    Args:
      p1: the failure rate of one configuration.
      p2: the failure rate of the other.
      power: the required probability of detecting the difference.
      alpha: the family-wise error rate.
      comparisons: the number of planned comparisons.

    Raises: ValueError if an argument is out of range.

    >>> seeds_for_rates(0.5, 0.1)
    25
    """

    def reached(seeds: int) -> bool:
        return power_of_rates(p1, p2, seeds, alpha=alpha, comparisons=comparisons) >= power

    return _fewest(reached, seeds_for_p(alpha, comparisons), power)


def _fewest(reached: Callable[[int], bool], least: int, power: float) -> int | None:
    """Search by doubling and bisection: power increases with the number of seeds, except for dips of a seed or two."""
    if not 0 < power < 1:
        raise ValueError(f"power must be between 0 and 1, got {power}")
    low, high = least - 1, least
    while not reached(high):
        if high >= MOST:
            return None
        low, high = high, min(2 * high, MOST)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def _check_rates(p1: float, p2: float) -> None:
    if not (0 <= p1 <= 1 and 0 <= p2 <= 1) or p1 == p2:
        raise ValueError(f"p1 and p2 must be two failure rates from 0 to 1, got {p1} and {p2}")
