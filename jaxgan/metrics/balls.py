"""Distances between two sets, as far as they are needed: to nearest neighbours, and whether points are within balls.

Matrix products use float32, which is twice as fast, with a bound on their error; comparisons that the bound leaves open
use float64. Works in blocks of rows: holds about 150 MiB at a time and a float32 copy of one of the sets.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int

from jaxgan.metrics.inputs import AnyArray, row_blocks

_NUMBERS = 2**24  # entries of a product in float32: 64 MiB
_PART = 2**20  # entries that are searched together, and pairs that are compared one by one
ROUNDING = 1e-12  # times |x|^2 + |y|^2: a generous bound on the error of a squared distance in float64


class _Block(NamedTuple):
    """Some rows of x against all of y: low_ij <= |x_i - y_j|^2 <= low_ij + row_i + column_j, scaled."""

    rows: slice
    product: slice  # the rows of the matrix product that the block belongs to
    low: Float32[np.ndarray, "b m"]
    row: Float64[np.ndarray, " b"]
    column: Float64[np.ndarray, " m"]


class _Pairs:
    """All pairs of rows of x [n, d] and y [m, d], centred on the mean of y and scaled so that nothing overflows."""

    def __init__(self, x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]) -> None:
        self.x, self.y = x, y
        self.centre = y.mean(axis=0, dtype=np.float64)
        largest = max(np.abs(_extremes(each) - self.centre).max() for each in (x, y))
        self.unit = 2.0 ** -np.ceil(np.log2(largest)) if largest > 0 else 1.0  # scaling by a power of two is exact
        # The float32 error of a product (Cauchy-Schwarz), of its operands and of its sums, and ROUNDING.
        self.part = (x.shape[1] + 64) * 2.0**-24 + 10 * ROUNDING
        self.lengths = np.empty(len(x)), np.empty(len(y))  # squared; for x only the rows seen so far
        self._whole: tuple[slice, Float64[np.ndarray, "b m"]] | None = None

    def _scaled(self, rows: Float[np.ndarray, "b d"]) -> Float64[np.ndarray, "b d"]:
        return (rows - self.centre) * self.unit

    def blocks(self) -> Iterator[_Block]:
        """Rows of x in order, a few at a time, cut from larger products."""
        (n, d), m, tiny = self.x.shape, len(self.y), 1e-30  # more than float32 loses by underflow
        of_x, of_y = self.lengths
        y = np.empty((m, d), np.float32)
        for some in row_blocks(m, d, _PART):
            rows = self._scaled(self.y[some])
            of_y[some], y[some] = np.einsum("md,md->m", rows, rows), -2 * rows
        column = ((1 - self.part) * of_y - tiny).astype(np.float32)
        for product in row_blocks(n, m, _NUMBERS):
            rows = self._scaled(self.x[product])
            of_x[product] = np.einsum("nd,nd->n", rows, rows)
            low = rows.astype(np.float32) @ y.T
            for part in row_blocks(len(low), m, _PART):
                here = slice(product.start + part.start, product.start + part.stop)
                low[part] += ((1 - self.part) * of_x[here] - tiny).astype(np.float32)[:, None]
                low[part] += column
                slack = (2 * self.part * lengths + 2 * tiny for lengths in (of_x[here], of_y))
                yield _Block(here, product, low[part], *slack)

    def squares(
        self, block: _Block, i: Int[np.ndarray, " pairs"], j: Int[np.ndarray, " pairs"], rounding: float = 0.0
    ) -> Float64[np.ndarray, " pairs"]:
        """|x_i - y_j|^2 + rounding (|x_i|^2 + |y_j|^2) in float64, scaled, with i counted from the block's first row.

        Computed one by one, or by a matrix product if they are a large part of the block, as when all points are equal.
        """
        i = i + block.rows.start
        if 16 * len(i) > block.low.size:
            found = self._product(block.product)[i - block.product.start, j]
        else:
            found = np.empty(len(i))
            for some in row_blocks(len(i), self.x.shape[1], _PART):
                apart = self._scaled(self.x[i[some]]) - self._scaled(self.y[j[some]])
                found[some] = np.einsum("pd,pd->p", apart, apart)
        return found + rounding * (self.lengths[0][i] + self.lengths[1][j]) if rounding else found

    def _product(self, rows: slice) -> Float64[np.ndarray, "b m"]:
        if self._whole is None or self._whole[0] != rows:
            self._whole = None  # free it before the next is made
            x, made = -2 * self._scaled(self.x[rows]), np.empty((rows.stop - rows.start, len(self.y)))
            for some in row_blocks(len(self.y), self.y.shape[1], _PART):
                made[:, some] = x @ self._scaled(self.y[some]).T
            for some in row_blocks(len(made), len(self.y), _PART):
                made[some] += self.lengths[0][rows][some, None] + self.lengths[1]
            self._whole = rows, made
        return self._whole[1]


class Inside(NamedTuple):
    """Which points are in balls around centres, and which centres in balls around points."""

    balls: Int[AnyArray, " points"]  # number of balls around centres that hold a point
    holds: Bool[AnyArray, " centres"]  # whether a centre's ball holds any point
    held: Bool[AnyArray, " centres"] | None  # whether any point's ball holds a centre, if these are given


def neighbour_radii(x: Float[np.ndarray, "n d"], k: int) -> Float64[np.ndarray, " n"]:
    """The squared distance of each row to its k-th nearest other row.

    Example:
      >>> neighbour_radii(np.array([[0.0], [1.0], [5.0]]), 1).tolist()
      [1.0, 1.0, 16.0]
    """
    pairs, found = _Pairs(x, x), np.empty(len(x))
    for block in pairs.blocks():
        b = np.arange(len(block.low))
        block.low[b, b + block.rows.start] = np.inf
        i, j = _near(block, k)
        squares = pairs.squares(block, i, j)
        ordered = squares[np.lexsort((squares, i))]
        found[block.rows] = ordered[np.searchsorted(i, b) + k - 1]
    return np.maximum(found, 0) / pairs.unit**2


def nearest(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]) -> tuple[Int[np.ndarray, " n"], np.ndarray]:
    """For each row of x the nearest row of y, and the squared distance to it minus a bound on rounding, `ROUNDING`.

    Example:
      >>> nearest(np.array([[0.25], [4.0]]), np.array([[0.0], [3.0]]))[0].tolist()
      [0, 1]
    """
    pairs, index, distance = _Pairs(x, y), np.empty(len(x), int), np.empty(len(x))
    for block in pairs.blocks():
        i, j = _near(block, 1)
        squares = pairs.squares(block, i, j, -ROUNDING)
        order = np.lexsort((j, squares, i))[np.searchsorted(i, np.arange(len(block.low)))]
        index[block.rows], distance[block.rows] = j[order], squares[order] / pairs.unit**2
    return index, distance


def within(
    points: Float[np.ndarray, "n d"],
    centres: Float[np.ndarray, "m d"],
    radii: Float64[np.ndarray, " m"],
    strict: bool,
    of_points: Float64[np.ndarray, " n"] | None = None,
) -> Inside:
    """Which points are in which balls, from the squared radii of balls around centres and, if given, around points.

    Points on the edge count as inside, unless `strict`; distances within `ROUNDING` are equal.

    Example:
      >>> points, centres = np.array([[0.0], [2.0], [9.0]]), np.array([[1.0], [20.0]])
      >>> within(points, centres, np.array([1.0, 1.0]), strict=False).balls.tolist()
      [1, 1, 0]
      >>> within(points, centres, np.array([1.0, 1.0]), False, of_points=np.array([0.0, 0.0, 121.0])).held.tolist()
      [True, True]
    """
    pairs, balls, holds = _Pairs(points, centres), np.zeros(len(points), int), np.zeros(len(centres), bool)
    held = None if of_points is None else np.zeros(len(centres), bool)
    for block in pairs.blocks():
        i, j = _inside(pairs, block, radii * pairs.unit**2, strict, of_rows=False)
        balls[block.rows] = np.bincount(i, minlength=len(block.low))
        holds[j] = True
        if held is not None and of_points is not None:
            _, j = _inside(pairs, block, of_points[block.rows] * pairs.unit**2, strict, of_rows=True)
            held[j] = True
    return Inside(balls, holds, held)


def _inside(
    pairs: _Pairs, block: _Block, radii: Float64[np.ndarray, " balls"], strict: bool, of_rows: bool
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """The pairs within a ball around the row, or around the column."""
    limits = radii.astype(np.float32)
    i, j = _at_most(block, limits[:, None] if of_rows else limits[None])
    limit = radii[i if of_rows else j]
    inside = block.low[i, j] + block.row[i] + block.column[j] < limit
    undecided = np.flatnonzero(~inside)
    squares = pairs.squares(block, i[undecided], j[undecided], ROUNDING if strict else -ROUNDING)
    inside[undecided] = squares < limit[undecided] if strict else squares <= limit[undecided]
    return i[inside], j[inside]


def _near(block: _Block, k: int) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Candidate pairs by row, which include the k nearest of each row."""
    high = block.low + block.column.astype(np.float32)
    together = 16  # represented by their smallest: the k-th smallest of these is no smaller, and hardly larger
    groups = high.shape[1] // together
    if groups > k:
        whole = groups * together
        each = high[:, :whole].reshape(len(high), together, groups).min(axis=1)
        high = np.concatenate([each, high[:, whole:]], axis=1)
    high.partition(k - 1, axis=1)
    limit = high[:, k - 1] + (1.001 * block.row).astype(np.float32)  # which rounding cannot lower
    return _at_most(block, limit[:, None])


def _at_most(
    block: _Block, limits: Float32[np.ndarray, "#b #m"]
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    found = np.flatnonzero(block.low <= limits)  # many times faster than `nonzero` of a matrix
    i, j = np.divmod(found, block.low.shape[1])
    return i, j


def _extremes(x: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "2 d"]:
    return np.stack([x.min(axis=0), x.max(axis=0)]).astype(np.float64)
