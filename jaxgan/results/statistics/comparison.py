"""Whether one configuration does better than another on the same seeds, and what so few seeds can show at all."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import ArrayLike

from jaxgan.results.statistics.interval import Interval


class Comparison(NamedTuple):
    """a minus b on common seeds, and the probability of so large a difference, to either side, if there is none."""

    difference: Interval
    p: float
    seeds: int
    failed: int  # pairs of seeds in which at least one failed
    smallest_p: float  # that so many seeds can reach
    sign: int  # of what the test counts: 1 where a is the higher, -1 where b is, 0 where neither


def signed_rank_p(differences: ArrayLike) -> float:
    """The p-value of paired differences [n] by the permutation test of their signed ranks (Wilcoxon 1945), two-sided.

    Under the hypothesis that both of a pair are alike, each difference has either sign with probability 1/2, whatever
    its size. The statistic is the sum of the signs times the ranks of the sizes, so that infinite differences count
    as the largest; zeros have a rank and no sign (Pratt 1959), equal sizes the mean of their ranks. Exact: all 2^n
    signs are counted, by sums of ranks, where `scipy.stats.permutation_test` goes through them up to 13 seeds.

    Raises: ValueError unless differences is [n] with n >= 1 and holds no NaN.

    >>> signed_rank_p([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, float("inf")]) == 2 / 256
    True
    >>> signed_rank_p([0.0, 0.0])
    1.0
    """
    ranks = signed_ranks(differences)
    chances = np.ones(1)  # of every sum of the ranks of positive differences
    for rank in np.abs(ranks):
        chances = (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0))) / 2
    return min(1.0, 2 * float(chances[max(ranks[ranks > 0].sum(), -ranks[ranks < 0].sum()) :].sum()))


def signed_ranks(differences: ArrayLike) -> Int[np.ndarray, " n"]:
    """Twice the ranks of the sizes of differences [n], so that means of ranks are whole, with their signs; 0 of a 0.

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
    """The p-values [m] of a family, corrected for their number (Holm 1979).

    The smallest is multiplied by m, the next by m - 1 and so on, none below the one before: to call those at or below
    alpha true is wrong anywhere with probability alpha at most. NaN stays NaN, and counts in m.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.atleast_1d(np.asarray(p, np.float64))
    order = np.argsort(values)  # NaN comes last
    adjusted = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    result = np.empty_like(values)
    result[order] = np.minimum(adjusted, 1.0)
    return result


def smallest_p(n: int) -> float:
    """The smallest two-sided p-value that n pairs can reach by their signs: 2 / 2^n.

    Raises: ValueError unless n >= 1.

    >>> smallest_p(8) == 2 / 256, smallest_p(1)
    (True, 1.0)
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    return float(2.0 ** (1 - n))


def seeds_for_p(alpha: float = 0.05, comparisons: int = 1) -> int:
    """The fewest seeds whose smallest p-value, times the number of planned comparisons, is at most alpha.

    With fewer no difference, however large, can be told by `signed_rank_p` and Holm's correction.

    Raises: ValueError unless 0 < alpha < 1 and comparisons >= 1.

    >>> seeds_for_p(0.05), seeds_for_p(0.05, comparisons=10)
    (6, 9)
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha}")
    if comparisons < 1:
        raise ValueError(f"comparisons must be at least 1, got {comparisons}")
    n = max(1, math.floor(math.log2(2 * comparisons / alpha)))
    while smallest_p(n) * comparisons > alpha:
        n += 1
    return n
