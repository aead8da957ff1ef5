"""The `Interval` type, and the common inputs of the statistics: values over seeds and a source of randomness."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

Rng = int | np.random.Generator


class Interval(NamedTuple):
    """An estimate and its confidence interval."""

    estimate: float
    low: float
    high: float


UNDEFINED = Interval(float("nan"), float("nan"), float("nan"))


def one_axis(x: ArrayLike) -> Float64[np.ndarray, " n"]:
    """Return the values x [n] of n seeds as float64.

    Raises: ValueError unless x is [n] with n >= 1.
    """
    values = np.asarray(x, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"expected one value per seed, [n] with n >= 1, got shape {values.shape}")
    return values


def two_axes(x: ArrayLike) -> Float64[np.ndarray, "configuration seed"]:
    """Return the values x [configuration, seed] as float64.

    Raises: ValueError unless there is at least one configuration and one seed.
    """
    values = np.asarray(x, dtype=np.float64)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"expected values [configuration, seed], at least one of each, got shape {values.shape}")
    return values


def subtract(left: Float64[np.ndarray, " n"], right: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Return left - right, with 0 instead of NaN where both are the same infinity.

    >>> subtract(np.array([3.0, np.inf]), np.array([1.0, np.inf])).tolist()
    [2.0, 0.0]
    """
    return np.subtract(left, right, out=np.zeros_like(left), where=left != right)
