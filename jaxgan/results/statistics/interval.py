"""An estimate with its interval, and what every statistic here takes: values over seeds, and a source of randomness."""

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
    """The values x [n] of n seeds as float64.

    Raises: ValueError unless x is [n] with n >= 1.
    """
    values = np.asarray(x, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"expected one value per seed, [n] with n >= 1, got shape {values.shape}")
    return values
