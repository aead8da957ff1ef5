"""Cells in place of classes: if data have no labels, their feature space is divided into a few regions."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from jaxgan.metrics.neighbours import squared_distances
from jaxgan.types import Array

CELLS = 10
_LEAST = 5  # examples of each set that a cell must have


class Cells(NamedTuple):
    """The regions nearest to each centre, and the cells of the training and held-out examples."""

    centres: Float[np.ndarray, "k d"]
    train: Int[np.ndarray, " n"]
    heldout: Int[np.ndarray, " m"]


def cells_of(train: NDArray, heldout: NDArray, k: int = CELLS) -> Cells | None:
    """Up to k cells by k-means of training features [n, d], each with examples of both sets; None if fewer than two.

    Source: Richardson and Weiss 2018, On GANs and GMMs, which compares the shares of samples and of data in each bin.
    """
    from sklearn.cluster import KMeans

    distinct = len(np.unique(train, axis=0))
    for count in range(min(k, distinct), 1, -1):
        found = KMeans(count, n_init=1, random_state=0).fit(np.asarray(train, np.float64))
        own, other = found.labels_, found.predict(np.asarray(heldout, np.float64))
        if min(np.bincount(own, minlength=count).min(), np.bincount(other, minlength=count).min()) >= _LEAST:
            return Cells(found.cluster_centers_, own, other)
    return None


def cell_of(x: Float[Array, "n d"], centres: Float[Array, "k d"]) -> Int[Array, " n"]:
    """The cell of each example.

    Example:
      >>> cell_of(jnp.array([[0.1], [4.0]]), jnp.array([[0.0], [5.0]])).tolist()
      [0, 1]
    """
    return jnp.argmin(squared_distances(x, centres), axis=1)
