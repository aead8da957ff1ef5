"""Measure how fast a norm falls or grows, in decades (powers of ten)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import ArrayLike


class Decades(NamedTuple):
    """The slope of log10(norm) over steps, up to the first norm that is exactly 0 or not finite."""

    per_thousand: float  # decades per 1,000 steps, negative if the norm falls; NaN with fewer than two points
    total: float  # log10 of the ratio of the last to the first norm
    first_zero: int | None  # the step of the first norm that is exactly 0
    first_not_finite: int | None
    points: int  # the number of fitted points


def decades(steps: ArrayLike, norms: ArrayLike) -> Decades:
    """Fit the least-squares slope of log10(norms) [n] over steps [n], with equal weight for every step.

    Norms are often recorded at log-spaced steps. Each is weighted by the number of steps that it stands for, halfway to
    its neighbours; otherwise the first few steps would dominate. The fit ends before the first exact zero or value that
    is not finite.

    Raises:
      ValueError: unless both are [n] with n > 0, the steps increase and no norm is negative.

    >>> fit = decades([1, 10, 100, 1000], [1.0, 10**-0.009, 10**-0.099, 10**-0.999])
    >>> round(fit.per_thousand, 6), round(fit.total, 3), fit.first_zero
    (-1.0, -0.999, None)
    >>> decades([1, 2, 3, 4], [1.0, 0.1, 0.0, 0.0]).first_zero
    3
    """
    x, y = np.asarray(steps, np.float64), np.asarray(norms, np.float64)
    if x.ndim != 1 or x.shape != y.shape or not len(x):
        raise ValueError(f"expected steps and norms [n], n > 0, got shapes {x.shape} and {y.shape}")
    if (np.diff(x) <= 0).any() or (y < 0).any():
        raise ValueError("expected steps that increase and norms of at least 0")
    zeros, broken = np.flatnonzero(y == 0), np.flatnonzero(~np.isfinite(y))
    end = min([len(y), *zeros[:1], *broken[:1]])
    slope = total = float("nan")
    if end >= 2:
        logarithms = np.log10(y[:end])
        # polyfit applies weights to the residuals, not to their squares
        slope = float(np.polyfit(x[:end], logarithms, 1, w=np.sqrt(_spans(x)[:end]))[0])
        total = float(logarithms[-1] - logarithms[0])
    return Decades(1000 * slope, total, _step(x, zeros), _step(x, broken), end)


def _spans(x: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Return the number of steps that each point stands for."""
    if len(x) < 2:
        return np.ones_like(x)
    return np.gradient(x)


def _step(x: Float64[np.ndarray, " n"], where: Int[np.ndarray, " m"]) -> int | None:
    return int(x[where[0]]) if len(where) else None
