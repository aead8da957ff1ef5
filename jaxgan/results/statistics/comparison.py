"""Test whether one configuration is better than another on the same seeds, and what a number of seeds can show."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import ArrayLike

from jaxgan.results.statistics.interval import Interval

_MOST = 2**31 - 1  # comparisons


class Comparison(NamedTuple):
    """The difference a - b on common seeds and its two-sided p-value."""

    difference: Interval
    p: float
    seeds: int
    failed: int  # number of pairs of seeds in which at least one failed
    smallest_p: float  # the smallest p-value that this number of seeds can reach
    sign: int  # sign of the test statistic: 1 if a is higher, -1 if b is, 0 if neither


def signed_rank_p(differences: ArrayLike) -> float:
    """Return the two-sided p-value of paired differences [n] by the signed-rank permutation test (Wilcoxon 1945).

    Under the null hypothesis, each difference is positive or negative with probability 1/2, whatever its size. The
    statistic is the sum of the signs times the ranks of the absolute differences, so infinite differences count as the
    largest. Zeros have a rank but no sign (Pratt 1959), and ties get the mean of their ranks. The test is exact: all
    2^n sign patterns are counted by their sums of ranks. `scipy.stats.permutation_test` enumerates them, which is
    feasible up to 13 seeds.

    Raises: ValueError unless differences is [n] with n >= 1 and holds no NaN.

    >>> signed_rank_p([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, float("inf")]) == 2 / 256
    True
    >>> signed_rank_p([0.0, 0.0])
    1.0
    """
    ranks = signed_ranks(differences)
    chances = np.ones(1)  # the probability of every sum of ranks of positive differences
    for rank in np.abs(ranks):
        chances = (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0))) / 2
    return min(1.0, 2 * float(chances[max(ranks[ranks > 0].sum(), -ranks[ranks < 0].sum()) :].sum()))


def signed_ranks(differences: ArrayLike) -> Int[np.ndarray, " n"]:
    """Return twice the signed ranks of differences [n], so that mean ranks of ties are integers; 0 stays 0.

    Raises: ValueError unless differences is [n] with n >= 1 and holds no NaN.

    >>> signed_ranks([0.5, -3.0, 0.0, 0.5]).tolist()
    [5, -8, 0, 5]
    """
    from scipy import stats

    values = np.asarray(differences, np.float64)
    if values.ndim != 1 or not len(values) or np.isnan(values).any():
        raise ValueError(f"expected differences [n] without NaN, n >= 1, got {np.array2string(values, threshold=8)}")
    return np.rint(np.sign(values) * 2 * stats.rankdata(np.abs(values))).astype(int)


def holm(p: ArrayLike) -> Float64[np.ndarray, " m"]:
    """Return the p-values [m] of a family, adjusted for multiple comparisons (Holm 1979).

    The smallest is multiplied by m, the next by m - 1 and so on, and each is at least as large as the one before.
    Rejecting those at or below alpha has a family-wise error rate of at most alpha. NaN stays NaN and counts toward m.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.atleast_1d(np.asarray(p, np.float64))
    order = np.argsort(values)  # NaN sorts last
    adjusted = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    result = np.empty_like(values)
    result[order] = np.minimum(adjusted, 1.0)
    return result


def smallest_p(n: int) -> float:
    """Return the smallest two-sided p-value that n pairs can reach by their signs: 2 / 2^n.

    Raises: ValueError unless n >= 1.

    >>> smallest_p(8) == 2 / 256, smallest_p(1)
    (True, 1.0)
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    return float(2.0 ** (1 - n))


def seeds_for_p(alpha: float = 0.05, comparisons: int = 1) -> int:
    """Return the smallest number of seeds whose smallest p-value times the number of comparisons is at most alpha.

    With fewer seeds, no difference can be significant under `signed_rank_p` and Holm's correction, however large it is.

    Raises: ValueError unless 0 < alpha < 1, and comparisons is from 1 to 2^31 - 1.

    >>> seeds_for_p(0.05), seeds_for_p(0.05, comparisons=10)
    (6, 9)
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha}")
    if comparisons < 1:
        raise ValueError(f"comparisons must be at least 1, got {comparisons}")
    if comparisons > _MOST:
        raise ValueError(f"comparisons must be at most {_MOST:,}, got {comparisons:,}")
    n = max(1, math.floor(math.log2(2 * comparisons / alpha)))
    while smallest_p(n) * comparisons > alpha:
        n += 1
    return n
