"""Helpers for metrics on features: checks with one-line errors, blocks of rows, and random numbers from a key."""

from collections.abc import Iterator

import jax
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from jaxgan.random import named_key
from jaxgan.types import Key

AnyArray = np.ndarray | jax.Array
"""For formulas that `jaxgan.metrics.traceable` shares with the functions of NumPy, by `x.__array_namespace__()`."""

_NUMBERS = 2**22  # entries of a matrix of all pairs held at a time: 32 MiB of float64


def checked_features(
    name: str, features: ArrayLike, least: int = 1, *, narrow: bool = False
) -> Float[np.ndarray, "n d"]:
    """Features [n, d] as float64; with `narrow`, float32 is kept without a copy.

    Raises:
      ValueError: another shape, n < `least`, d = 0, or features that are not finite.

    Example:
      >>> checked_features("samples", [[0.0], [float("nan")]])
      Traceback (most recent call last):
      ValueError: samples must be finite, got 1 of 2 rows with NaN or infinity
    """
    x = np.asarray(features)
    if not narrow or x.dtype != np.float32:
        x = np.asarray(x, dtype=np.float64)
    if x.ndim != 2 or len(x) < least or not x.shape[1]:
        raise ValueError(f"{name} must be features [n, d] with n >= {least} and d >= 1, got shape {x.shape}")
    if bad := sum(int(np.sum(~np.isfinite(x[some]).all(axis=1))) for some in row_blocks(len(x), x.shape[1])):
        raise ValueError(f"{name} must be finite, got {bad} of {len(x)} rows with NaN or infinity")
    return x


def checked_pair(
    features: ArrayLike, reference: ArrayLike, least: int = 1, *, narrow: bool = False
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "m d"]]:
    """Two sets of features of the same dimension as float64, each with at least `least` rows; `narrow` as above.

    Raises:
      ValueError: input that `checked_features` rejects, or different dimensions.

    Example:
      >>> checked_pair(np.zeros((3, 2)), np.zeros((5, 4)))
      Traceback (most recent call last):
      ValueError: features and reference must have the same dimension, got shapes (3, 2) and (5, 4)
    """
    x = checked_features("features", features, least, narrow=narrow)
    r = checked_features("reference", reference, least, narrow=narrow)
    if x.shape[1] != r.shape[1]:
        raise ValueError(f"features and reference must have the same dimension, got shapes {x.shape} and {r.shape}")
    return x, r


def row_blocks(n: int, columns: int, numbers: int | None = None) -> Iterator[slice]:
    """Slices of rows 0 .. n-1 such that a block with this many columns takes at most 32 MiB of float64.

    Or such that it has at most `numbers` entries.

    Example:
      >>> [(block.start, block.stop) for block in row_blocks(100_000, columns=100_000)][:2]
      [(0, 41), (41, 82)]
    """
    step = max(1, (numbers or _NUMBERS) // columns)
    return (slice(start, min(start + step, n)) for start in range(0, n, step))


def generator(key: Key) -> np.random.Generator:
    """A NumPy generator for a key of `jax.random`, typed or raw: equal keys give equal numbers.

    Example:
      >>> one, other = generator(jax.random.key(3)), generator(jax.random.PRNGKey(3))
      >>> int(one.integers(1000)) == int(other.integers(1000))
      True
    """
    # A stream other than that of default_rng(0) for key(0): otherwise data drawn from it would be drawn again here.
    key = named_key(key, "numpy")
    data = jax.random.key_data(key) if jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key) else key
    return np.random.default_rng(np.asarray(data).ravel())
