"""Precision and recall, density and coverage, and authenticity: balls around examples that reach to their neighbours.

In float64 and in blocks of rows: of the distances between all pairs some 100 MiB are held at a time, at any number of
examples, beside the features themselves and a copy. A ball is the set of points up to the distance of its centre to the
k-th nearest other example of the same set as the centre.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import ArrayLike

from jaxgan.metrics.inputs import checked_pair, row_blocks

_ROUNDING = 1e-12  # of |x|^2 + |y|^2: by what a squared distance is off at most, with some hundred times to spare


class PrecisionRecall(NamedTuple):
    """Shares between 0 and 1. Below 1 also for samples of the data's own distribution."""

    precision: float  # of the features within a ball of the reference
    recall: float  # of the reference within a ball of the features


class DensityCoverage(NamedTuple):
    """1 in expectation for samples of the data's own distribution, and near 1."""

    density: float  # balls of the reference that hold a feature vector, a mean over them, in units of k; may exceed 1
    coverage: float  # the share of the reference's balls that hold at least one


def precision_recall(features: ArrayLike, reference: ArrayLike, *, k: int = 3, strict: bool = False) -> PrecisionRecall:
    """The shares of features [n, d] in the balls of a reference [m, d], and of the reference in those of features.

        precision = mean_j [exists i: |x_j - r_i| <= R_i],   R_i = distance of r_i to its k-th nearest other example

    and recall the same with both exchanged. They grow with k and shrink with the dimension: compare at equal n, m, k.
    A distance of exactly R_i counts, as in torch-fidelity; with `strict` it does not, as in prdc. That matters where
    examples are repeated: k + 1 copies have a ball of radius 0, which holds copies only, or with `strict` nothing.
    Distances count as equal up to rounding, 1e-12 of the squared lengths around the reference's mean.

    Raises:
      ValueError: other shapes, k < 1, k rows or fewer, or features that are not finite.
    Source: Kynkaanniemi et al. 2019, Improved precision and recall metric for assessing generative models.

    >>> x = np.arange(6.0)[:, None]
    >>> precision_recall(x[:5], x, k=1), precision_recall(x + 100, x, k=1)
    (PrecisionRecall(precision=1.0, recall=1.0), PrecisionRecall(precision=0.0, recall=0.0))
    """
    x, r = _checked(features, reference, k)
    return PrecisionRecall(
        precision=float(np.mean(_balls_that_hold(x, r, _radii(r, k), strict).per_point > 0)),
        recall=float(np.mean(_balls_that_hold(r, x, _radii(x, k), strict).per_point > 0)),
    )


def density_coverage(features: ArrayLike, reference: ArrayLike, *, k: int = 5, strict: bool = False) -> DensityCoverage:
    """How many balls of a reference [m, d] hold each of the features [n, d], and how many of them hold any.

        density = 1/(k n) sum_j #{i: |x_j - r_i| <= R_i}      coverage = mean_i [exists j: |x_j - r_i| <= R_i]

    with R_i as in `precision_recall`, and `strict` too. Both take balls around reference examples only, so an outlier
    among the features adds no recall. Of equal distributions density is 1 in expectation, and coverage

        1 - (m-1) ... (m-k) / ((n+m-1) ... (n+m-k))

    Raises:
      ValueError: other shapes, k < 1, k rows or fewer, or features that are not finite.
    Source: Naeem et al. 2020, Reliable fidelity and diversity metrics for generative models, equations 4 to 9.

    >>> x = np.arange(6.0)[:, None]
    >>> density_coverage([[0.0], [0.25]], x, k=1)  # within 1 of 0 and of 1, for which 0 is on the edge
    DensityCoverage(density=2.0, coverage=0.3333333333333333)
    """
    x, r = _checked(features, reference, k, least=1)
    held = _balls_that_hold(x, r, _radii(r, k), strict)
    return DensityCoverage(float(np.mean(held.per_point) / k), float(np.mean(held.any_point)))


def authenticity(features: ArrayLike, train: ArrayLike) -> float:
    """The share of features [n, d] farther from the nearest training example than that is from its own nearest.

        mean_j [|x_j - t_i| > min_{l != i} |t_i - t_l|],   t_i the training example nearest to x_j

    Copies have 0. It has no fixed value for a faithful generator, 0.35 on a line and 0.8 in 50 dimensions for
    Gaussians, so compare with that of as many held-out examples. `memorization` does so at once.

    Raises:
      ValueError: other shapes, fewer than 2 training examples, or features that are not finite.
    Source: Alaa et al. 2022, How faithful is your synthetic data?, section 4.3.

    >>> train = [[0.0], [1.0], [5.0]]
    >>> authenticity([[0.1], [5.0], [4.0], [-2.0]], train)  # only the last is farther from 0 than 1 is
    0.25
    """
    x, t = _checked(features, train, 1, least=1)
    own, authentic = _radii(t, 1), []
    for _, squares in _squared_distances(x, t, -_ROUNDING):
        nearest = np.argmin(squares, axis=1)
        authentic.append(squares[np.arange(len(squares)), nearest] > own[nearest])
    return float(np.mean(np.concatenate(authentic)))


class _Held(NamedTuple):
    per_point: Float64[np.ndarray, " n"]  # in how many balls each point is
    any_point: Bool[np.ndarray, " m"]  # whether each ball holds any


def _balls_that_hold(
    points: Float64[np.ndarray, "n d"],
    centres: Float64[np.ndarray, "m d"],
    radii: Float64[np.ndarray, " m"],
    strict: bool,
) -> _Held:
    counts, any_point = [], np.zeros(len(centres), bool)
    for _, squares in _squared_distances(points, centres, _ROUNDING if strict else -_ROUNDING):
        inside = squares < radii if strict else squares <= radii
        counts.append(inside.sum(axis=1).astype(np.float64))
        any_point |= inside.any(axis=0)
    return _Held(np.concatenate(counts), any_point)


def _radii(x: Float64[np.ndarray, "n d"], k: int) -> Float64[np.ndarray, " n"]:
    """Squared distances to the k-th nearest other row."""
    radii = []
    for block, squares in _squared_distances(x, x):
        squares[np.arange(len(squares)), np.arange(block.start, block.stop)] = np.inf
        radii.append(np.partition(squares, k - 1, axis=1)[:, k - 1].copy())  # a view would keep all pairs
    return np.concatenate(radii)


def _squared_distances(
    x: Float64[np.ndarray, "n d"], y: Float64[np.ndarray, "m d"], rounding: float = 0.0
) -> Iterator[tuple[slice, Float64[np.ndarray, "b m"]]]:
    """Blocks of rows and their squared distances to all of y, plus `rounding` times |x|^2 + |y|^2.

    By |x|^2 - 2 x.y + |y|^2, which is a matrix product: differences taken one by one need many times as long in many
    dimensions. Around the mean of y, so that no digits are lost where all lies far from the origin.
    """
    centre = y.mean(axis=0)
    y = y - centre
    lengths = (1 + rounding) * np.einsum("md,md->m", y, y)
    for block in row_blocks(len(x), len(y)):
        rows = x[block] - centre
        squares = -2 * rows @ y.T
        squares += (1 + rounding) * np.einsum("nd,nd->n", rows, rows)[:, None]
        squares += lengths
        yield block, squares


def _checked(
    features: ArrayLike, reference: ArrayLike, k: int, least: int | None = None
) -> tuple[Float64[np.ndarray, "n d"], Float64[np.ndarray, "m d"]]:
    if k < 1:
        raise ValueError(f"k must be a whole number of at least 1, got {k}")
    x, r = checked_pair(features, reference)
    if len(r) <= k or len(x) < (k + 1 if least is None else least):
        raise ValueError(f"expected more than k = {k} rows, as each has k neighbours, got {len(x)} and {len(r)}")
    return x, r
