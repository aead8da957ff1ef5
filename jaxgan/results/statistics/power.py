"""How many seeds it takes: the power of the tests that `compare_pairs` and `compare_failures` make."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from jaxgan.results.statistics.comparison import seeds_for_p
from jaxgan.results.statistics.interval import Rng

MOST = 10_000  # seeds, beyond which none are counted
_SIMULATED = 200  # seeds, up to which studies are drawn


def power_of_difference(
    difference: float,
    seeds: int,
    *,
    alpha: float = 0.05,
    comparisons: int = 1,
    simulations: int = 10_000,
    rng: Rng,
) -> float:
    """The probability that `signed_rank_p` of so many seeds tells a difference, simulated.

    Differences of pairs are normal with a mean of `difference` standard deviations of theirs. Of several planned
    comparisons this is the power of the one that Holm's correction asks most of: p <= alpha / comparisons. Beyond 200
    seeds it is that of a z-test of 3 / pi times as many (Hodges and Lehmann 1956).

    Args:
      difference: the mean of paired differences in units of their standard deviation.
      seeds: pairs.
      alpha: the share of false alarms in the family.
      comparisons: how many are planned.
      simulations: how many studies are drawn; the standard error is at most 0.5 / sqrt(simulations).
      rng: a seed or a `numpy.random.Generator`.

    Raises: ValueError for numbers out of their range.

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
        return stats.wilcoxon(x, axis=axis, method="exact").pvalue  # what all signs give where there are no ties

    found = stats.power(p_value, draw, (seeds,), significance=alpha / comparisons, n_resamples=simulations)
    return float(np.squeeze(found.power))


def power_of_rates(p1: float, p2: float, seeds: int, *, alpha: float = 0.05, comparisons: int = 1) -> float:
    """The probability that `compare_failures` of so many seeds tells failure rates p1 and p2, exactly.

    That a seed fails under one configuration is taken to say nothing about the other. Where it does, fewer seeds will
    do, as more of those that fail alone are of one kind.

    Args:
      p1: the rate of one configuration.
      p2: of the other.
      seeds: of each, in common.
      alpha: the share of false alarms in the family.
      comparisons: how many are planned; p <= alpha / comparisons, as in `power_of_difference`.

    Raises: ValueError for numbers out of their range.

    >>> power_of_rates(1.0, 0.0, 6), power_of_rates(1.0, 0.0, 5)
    (1.0, 0.0)
    """
    from scipy import stats

    _check_rates(p1, p2)
    if seeds < 1:
        raise ValueError(f"seeds must be at least 1, got {seeds}")
    least = seeds_for_p(alpha, comparisons)
    first, second = p1 * (1 - p2), p2 * (1 - p1)
    alone = np.arange(least, seeds + 1)  # seeds that failed under one configuration only
    if not len(alone):
        return 0.0
    # The most that the rarer kind may be, so that twice the binomial tail is at most alpha.
    level = alpha / comparisons / 2
    most = stats.binom.ppf(level, alone, 0.5)
    most = np.where(stats.binom.cdf(most, alone, 0.5) > level, most - 1, most)
    share = first / (first + second)
    seen = stats.binom.cdf(most, alone, share) + stats.binom.sf(alone - most - 1, alone, share)
    return float(np.sum(stats.binom.pmf(alone, seeds, first + second) * seen))


def seeds_for_difference(
    difference: float, *, power: float = 0.8, alpha: float = 0.05, comparisons: int = 1, rng: Rng
) -> int | None:
    """The fewest seeds that tell a difference with the given power, by `power_of_difference`; None: more than 10,000.

    Args:
      difference: the mean of paired differences in units of their standard deviation.
      power: the probability to tell it.
      alpha: the share of false alarms in the family.
      comparisons: how many are planned.
      rng: a seed or a `numpy.random.Generator`.

    Raises: ValueError for numbers out of their range.

    >>> seeds_for_difference(1.0, rng=0)
    11
    """
    start = int(np.random.default_rng(rng).integers(2**32))  # one stream for every number of seeds

    def reached(seeds: int) -> bool:
        return power_of_difference(difference, seeds, alpha=alpha, comparisons=comparisons, rng=start) >= power

    return _fewest(reached, seeds_for_p(alpha, comparisons), power)


def seeds_for_rates(
    p1: float, p2: float, *, power: float = 0.8, alpha: float = 0.05, comparisons: int = 1
) -> int | None:
    """The fewest seeds that tell failure rates p1 and p2 with the given power, by `power_of_rates`; None: over 10,000.

    Args:
      p1: the rate of one configuration.
      p2: of the other.
      power: the probability to tell them.
      alpha: the share of false alarms in the family.
      comparisons: how many are planned.

    Raises: ValueError for numbers out of their range.

    >>> seeds_for_rates(0.5, 0.1)
    25
    """

    def reached(seeds: int) -> bool:
        return power_of_rates(p1, p2, seeds, alpha=alpha, comparisons=comparisons) >= power

    return _fewest(reached, seeds_for_p(alpha, comparisons), power)


def _fewest(reached: Callable[[int], bool], least: int, power: float) -> int | None:
    """By doubling and halving: power grows with the number of seeds, but for steps of a seed or two."""
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
