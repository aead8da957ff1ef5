"""Evaluate a search over configurations: the best score at each budget, and the bias from selecting the best."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import ArrayLike, NDArray

from jaxgan.results.statistics.interval import UNDEFINED, Interval, Rng, one_axis, subtract, two_axes
from jaxgan.results.statistics.means import TRIM


class BudgetCurve(NamedTuple):
    """The expected score of the best configuration at each budget, with its interval."""

    budgets: Int[np.ndarray, " budget"]
    best: Float64[np.ndarray, " budget"]
    low: Float64[np.ndarray, " budget"]
    high: Float64[np.ndarray, " budget"]


def budget_curve(
    scores: ArrayLike, *, higher_is_better: bool, budgets: ArrayLike | None = None, confidence: float = 0.95
) -> BudgetCurve:
    """Return, for every b, the expected best score of b of n configurations, without replacement (Lucic et al. 2018).

    The expectation is exact: the i-th best is the best of b with probability C(n - i, b - 1) / C(n, b). With an
    infinite worst value, it is infinite as long as b failed configurations can be drawn together.

    The interval is a jackknife interval (Arvesen 1969) with Student's t. It describes the variation over other draws of
    configurations from the same range. 95 % intervals cover 88 to 95 % up to b = n / 8 and progressively less beyond
    it, 75 to 87 % at b = n / 2, because the data do not show how good configurations better than all of these are.
    There is no interval at b = n. A bootstrap interval covers less, since no resample is better than the best.

    Args:
      scores: [n], scores of configurations drawn at random from the same range; a failed one has its metric's worst
        value.
      higher_is_better: whether the best score is the largest.
      budgets: the values of b, from 1 to n; all by default.
      confidence: the level of the interval at each b.

    Raises: ValueError for NaN, and for budgets outside 1 to n.

    >>> budget_curve([1.0, 2.0, 6.0], higher_is_better=True).best.round(3).tolist()
    [3.0, 4.667, 6.0]
    """
    from scipy import stats

    sign = 1 if higher_is_better else -1
    values = np.sort(sign * one_axis(scores))
    n = len(values)
    at = np.arange(1, n + 1) if budgets is None else np.atleast_1d(np.asarray(budgets, np.int64))
    if np.isnan(values).any():
        raise ValueError("expected scores without NaN; a failed configuration enters with its metric's worst value")
    if not len(at) or at.min() < 1 or at.max() > n:
        raise ValueError(f"budgets must be from 1 to the number of configurations, {n}, got {at.tolist()}")
    best = _weighted(values, _weights(n, at))
    reach = float(stats.t.ppf((1 + confidence) / 2, max(n - 1, 1))) * _jackknife_error(values, at)
    return BudgetCurve(at, sign * best, sign * best - reach, sign * best + reach)


class Selection(NamedTuple):
    """The candidate selected on one half of the seeds, its scores on both halves, and the selection bias."""

    chosen: int  # the candidate that was chosen most often
    shares: Float64[np.ndarray, " candidate"]  # share of the halves in which each candidate was chosen
    selecting: float  # mean score on the half used for selection
    other: float  # mean score on the other half: the one to report
    gain: Interval  # by how much the score on the selecting half is better


def select_by_halves(
    x: ArrayLike, *, higher_is_better: bool, splits: int = 200, confidence: float = 0.95, rng: Rng
) -> Selection:
    """Select the best candidate on half of the seeds and score it on the other half, over many random splits.

    The score of the best candidate is biased on the seeds that it was selected on: with c equally good candidates it is
    the maximum of c numbers. On the other half it is unbiased. Scores are interquartile means. The interval of the gain
    is a jackknife over seeds (Tukey 1958). For normal values and 8 or more seeds, a 95 % interval covers 95 to 100 % if
    the candidates are equally good, and 75 to 88 % if one of a few is clearly the best and there is little to gain.

    Args:
      x: [candidate, seed] or [candidate, sample]; candidates are configurations, or checkpoints of one. Failed seeds
        count with their metric's worst value.
      higher_is_better: whether the best score is the largest.
      splits: the number of random splits to average over.
      confidence: the level of the interval.
      rng: a seed or a `numpy.random.Generator`.

    Raises: ValueError for NaN and for fewer than two seeds.

    >>> found = select_by_halves([[1.0] * 8, [2.0] * 8], higher_is_better=True, rng=0)
    >>> found.chosen, found.selecting, found.other, found.gain
    (1, 2.0, 2.0, Interval(estimate=0.0, low=0.0, high=0.0))
    """
    from scipy import stats

    sign = 1.0 if higher_is_better else -1.0
    values, rng = sign * two_axes(x), np.random.default_rng(rng)
    n, half = values.shape[1], values.shape[1] // 2
    if n < 2:
        raise ValueError(f"expected at least two seeds, one for each half, got {n}")
    if np.isnan(values).any():
        raise ValueError("expected values without NaN; a failed seed enters with its metric's worst value")
    orders = rng.permuted(np.tile(np.arange(n), (splits, 1)), axis=1)
    chosen, selecting, other = _halves(values, orders[:, :half], orders[:, half:])
    shares = np.bincount(chosen, minlength=len(values)) / splits
    gain = float(np.mean(subtract(selecting, other)))
    bounds = UNDEFINED[1:]
    if n >= 4 and np.isfinite(gain):
        without = np.array([_gain_without(values, orders, half, seed) for seed in range(n)])
        reach = float(stats.t.ppf((1 + confidence) / 2, n - 1) * _jackknife(without))
        bounds = (gain - reach, gain + reach) if np.isfinite(reach) else bounds
    own, unseen = (sign * float(np.mean(each)) + 0.0 for each in (selecting, other))  # + 0.0 turns -0.0 into 0.0
    return Selection(int(np.argmax(shares)), shares, own, unseen, Interval(gain, *bounds))


def _halves(
    x: NDArray[np.float64], first: NDArray[np.int64], second: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the best candidate on the seeds `first` [split, seed], and its scores on `first` and on `second`."""
    scores = _iqm(x[:, first])  # [candidate, split]
    chosen = np.argmax(scores, axis=0)
    return chosen, scores[chosen, np.arange(len(first))], _iqm(x[chosen[:, None], second])


def _gain_without(x: NDArray[np.float64], orders: NDArray[np.int64], half: int, seed: int) -> float:
    """Return the gain for the same halves with one seed removed."""
    where = np.argmax(orders == seed, axis=1)
    gains = []
    for rows, size in ((orders[where < half], half - 1), (orders[where >= half], half)):
        kept = rows[rows != seed].reshape(len(rows), orders.shape[1] - 1)
        _, selecting, other = _halves(x, kept[:, :size], kept[:, size:])
        gains.append(subtract(selecting, other))
    return float(np.mean(np.concatenate(gains)))


def _iqm(x: NDArray[np.float64]) -> NDArray[np.float64]:
    n = x.shape[-1]
    cut = int(TRIM * n)
    with np.errstate(invalid="ignore"):
        return np.sort(x, axis=-1)[..., cut : n - cut].mean(axis=-1)


def _jackknife(without: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard error [...] of an estimate from its n leave-one-out estimates [n, ...]."""
    n = len(without)
    with np.errstate(invalid="ignore"):
        return np.sqrt((n - 1) / n * np.sum((without - without.mean(axis=0)) ** 2, axis=0))


def _jackknife_error(x: NDArray[np.float64], budgets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the standard error of the expected best of b [budget] of sorted values x [n]; NaN if infinite or b = n."""
    n = len(x)
    errors = np.full(len(budgets), np.nan)
    some = budgets < n
    if some.any():
        weights = _weights(n - 1, budgets[some])
        with np.errstate(invalid="ignore"):
            errors[some] = _jackknife(np.stack([_weighted(np.delete(x, i), weights) for i in range(n)]))
    return errors


def _weights(n: int, budgets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weights [budget, n] of values sorted from worst to best: C(i - 1, b - 1) / C(n, b) for the i-th."""
    from scipy import special

    i, b = np.arange(1, n + 1), budgets[:, None]
    log = special.gammaln(i) - special.gammaln(np.maximum(i - b + 1, 1)) - special.gammaln(b)
    log = log - (special.gammaln(n + 1) - special.gammaln(b + 1) - special.gammaln(n - b + 1))
    return np.where(i >= b, np.exp(log), 0.0)


def _weighted(x: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weighted sums [..., budget] of x [..., n] with weights [budget, n]; 0 times infinity counts as 0."""
    sums = np.where(np.isfinite(x), x, 0.0) @ weights.T
    for infinity in (np.inf, -np.inf):
        met = (x == infinity).astype(np.float64) @ (weights > 0).T.astype(np.float64) > 0
        sums = np.where(met, sums + infinity, sums)
    return sums
