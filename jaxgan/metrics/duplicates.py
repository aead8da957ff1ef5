"""How many different samples can a generator make? Estimated from how often two samples coincide (birthday paradox)."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int
from numpy.typing import ArrayLike

from jaxgan.metrics.inputs import checked_features, generator, row_blocks
from jaxgan.types import Key

_LISTED = 10**6  # coinciding pairs used to simulate first coincidences, at most


class BirthdayTest(NamedTuple):
    """What coinciding pairs among n samples say about the support of their distribution."""

    coinciding: int  # pairs
    support: float  # pairs / coinciding pairs; infinite if there are none
    support_low: float  # lower bound on the support at 95 % confidence
    batch: float  # number of samples that contain a coinciding pair with probability 1/2; infinite without any
    batch_squared: float  # the support size as reported by Arora et al.


def birthday_test(key: Key, samples: ArrayLike, radius: float, *, draws: int = 1000) -> BirthdayTest:
    """Counts pairs of samples [n, d] within `radius` of each other and estimates the support size from them.

        support = n (n - 1) / 2 / coinciding,   an estimate of 1 / sum_v p_v^2 for a distribution on values v

    This is the number of values if all are equally probable, and smaller otherwise, so it is a lower bound. The
    interval assumes that the number of coinciding pairs is Poisson, which holds while they are few. `batch` is the
    median, over random orders of the samples, of the position at which the first coincidence is complete. For N equally
    probable values it is 1.18 sqrt(N), so batch_squared is about 1.4 N. In a continuous distribution only the radius
    creates coincidences: it defines what counts as the same picture. Choose it by looking at pairs, such as
    `closest_pairs`.

    Args:
      key: for the random orders.
      samples: [n, d], n >= 2. A support of N needs about 2 sqrt(N) samples.
      radius: in units of the features; a distance equal to the radius counts as a coincidence.
      draws: the number of orders.

    Raises:
      ValueError: another shape, fewer than 2 samples, samples that are not finite, a negative radius or no draw.
    Source: Arora, Risteski and Zhang 2018, Do GANs learn the distribution? Some theory and empirics.

    >>> import jax
    >>> values = np.random.default_rng(0).integers(1000, size=(400, 1))
    >>> found = birthday_test(jax.random.key(0), values, radius=0.0)
    >>> 800 < found.support < 1250, 25 < found.batch < 50
    (True, True)
    """
    from scipy.stats import chi2

    x = checked_features("samples", samples, least=2)
    if not radius >= 0 or draws < 1:
        raise ValueError(f"expected a radius of at least 0 and at least 1 draw, got {radius} and {draws}")
    rng = generator(key)
    x, count, pairs, seen = x[rng.permutation(len(x))], 0, [np.empty((0, 2), int)], 0
    for block, squares in _to_earlier(x):
        found = np.argwhere(squares <= radius**2)
        if count < _LISTED:
            pairs.append(found + np.array([block.start, 0]))
            seen = block.stop
        count += len(found)
    total = len(x) * (len(x) - 1) / 2
    most = float(chi2.ppf(0.95, 2 * (count + 1)) / 2)
    batch = _first_coincidence(rng, np.concatenate(pairs), seen, draws)
    return BirthdayTest(count, total / count if count else np.inf, total / most, batch, batch**2)


def closest_pairs(samples: ArrayLike, count: int = 20) -> Int[np.ndarray, "count 2"]:
    """The rows of the pairs of samples [n, d] that are closest to each other, closest first, for inspection.

    Raises:
      ValueError: another shape, samples that are not finite, or fewer pairs than asked for.

    >>> closest_pairs([[0.0], [5.0], [5.5], [9.0]], count=2).tolist()
    [[1, 2], [2, 3]]
    """
    x = checked_features("samples", samples, least=2)
    if not 1 <= count <= len(x) * (len(x) - 1) // 2:
        raise ValueError(f"expected from 1 pair up to all of {len(x)} samples, got {count}")
    best, pairs = np.empty(0), np.empty((0, 2), int)
    for block, squares in _to_earlier(x):
        nearest = np.argsort(squares, axis=None, kind="stable")[:count]
        rows = np.stack(np.unravel_index(nearest, squares.shape), axis=1) + np.array([block.start, 0])
        best, pairs = np.append(best, squares.ravel()[nearest]), np.concatenate([pairs, rows])
        order = np.argsort(best, kind="stable")[:count]
        best, pairs = best[order], pairs[order]
    return pairs[:, ::-1]


def _to_earlier(x: Float64[np.ndarray, "n d"]) -> Iterator[tuple[slice, Float64[np.ndarray, "b m"]]]:
    """Blocks of rows and their squared distances to earlier rows; infinite to themselves and to later rows."""
    from scipy.spatial.distance import cdist

    for block in row_blocks(len(x), len(x)):
        squares = cdist(x[block], x[: block.stop], "sqeuclidean")
        later = np.arange(block.stop) >= np.arange(block.start, block.stop)[:, None]
        squares[later] = np.inf
        yield block, squares


def _first_coincidence(rng: np.random.Generator, pairs: Int[np.ndarray, "pairs 2"], n: int, draws: int) -> float:
    """The median over orders of n samples of the position at which the first pair is complete."""
    if not len(pairs):
        return np.inf
    orders = (rng.permutation(n) for _ in range(draws))
    return float(np.median([order[pairs].max(axis=1).min() + 1 for order in orders]))
