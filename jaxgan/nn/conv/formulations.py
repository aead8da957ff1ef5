"""Ways to compute a convolution by matrix products, each defined by three linear maps.

The convolution here has stride 1 and no padding: y[n, i, j] = sum_ab x[n, i + a, j + b] w[a, b].
A formulation is a bilinear algorithm for it,

    y = collect(spread(x)_k @ taps(w)_k),

with matrix products over channels in the middle and additions on both sides. Its two gradients use the same maps and
their transposes, which JAX derives:

    x' = spread^T(collect^T(y')_k @ taps(w)_k^T),    w' = taps^T(spread(x)_k^T @ collect^T(y')_k).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Float

from jaxgan.types import Array, Images

Kernel = Float[Array, "kh kw c o"]
Outputs = Float[Array, "n out_h out_w o"]
Arrays = tuple[Array, ...]
Size = tuple[int, int]


class Formulation(NamedTuple):
    """y = collect(spread(x)_k @ taps(w)_k): three linear maps."""

    spread: Callable[[Images], Arrays]  # x [n, h, w, c] -> one or more [n, ., ., .]
    taps: Callable[[Kernel], Arrays]  # w [kh, kw, c, o] -> as many [., o]
    collect: Callable[[Arrays], Outputs]  # as many [n, ., ., o] -> y [n, out_h, out_w, o]


def shifted(kernel: Size, out: Size) -> Formulation:
    """The sum over taps of the shifted image times the tap.

    Each shifted image has the output's pixels and the input's channels; XLA holds one at a time.
    """
    grid = [(i, j) for i in range(kernel[0]) for j in range(kernel[1])]
    return Formulation(
        spread=lambda x: tuple(x[:, i : i + out[0], j : j + out[1]] for i, j in grid),
        taps=lambda w: tuple(w[tap] for tap in grid),
        collect=lambda products: sum(products[1:], start=products[0]),
    )


def patches(kernel: Size, out: Size) -> Formulation:
    """A single product of all concatenated shifted images, because with few channels separate products are too thin.

    Needs memory for kh kw times its input.
    """
    windows = shifted(kernel, out).spread
    return Formulation(
        spread=lambda x: (jnp.concatenate(windows(x), axis=-1),),
        taps=lambda w: (w.reshape(-1, w.shape[-1]),),
        collect=lambda products: products[0],
    )


def filtering(kernel: Size, out: Size) -> Formulation:
    """Minimal filtering: 2 x 2 outputs at a time, from (kh + 1)(kw + 1) products instead of 4 kh kw.

    That is 9 instead of 16 with two taps a side, and 16 instead of 36 with three. The maps only add, subtract and, for
    three taps, halve, so in float32 the result is as accurate as a plain sum. Narrower types would lose digits.

    Needs memory for ((kh + 1) / 2)((kw + 1) / 2) times its input: 2.25 times with two taps a side, 4 times with three.

    Source: Winograd 1980; Lavin & Gray 2016.
    """
    rows, columns = _MINIMAL[kernel[0]], _MINIMAL[kernel[1]]
    tiles = (-(-out[0] // 2), -(-out[1] // 2))

    def spread(x: Images) -> Arrays:
        # An odd size ends with half a tile.
        short = [2 * t + k - 1 - size for t, k, size in zip(tiles, kernel, x.shape[1:3], strict=True)]
        x = jnp.pad(x, ((0, 0), (0, short[0]), (0, short[1]), (0, 0)))
        lines = _mix(rows.data, _pixels_of_tiles(x, 1, kernel[0] + 1, tiles[0]))
        return tuple(
            v for line in lines for v in _mix(columns.data, _pixels_of_tiles(line, 2, kernel[1] + 1, tiles[1]))
        )

    def taps(w: Kernel) -> Arrays:
        return tuple(u for line in _mix(rows.kernel, tuple(w)) for u in _mix(columns.kernel, tuple(line)))

    def collect(products: Arrays) -> Outputs:
        width = kernel[1] + 1
        lines = [_mix(columns.output, products[i : i + width]) for i in range(0, len(products), width)]
        left, right = (_mix(rows.output, [line[side] for line in lines]) for side in (0, 1))
        y = jnp.stack([jnp.stack([left[i], right[i]], axis=3) for i in (0, 1)], axis=2)
        return y.reshape(y.shape[0], 2 * tiles[0], 2 * tiles[1], y.shape[-1])[:, : out[0], : out[1]]

    return Formulation(spread, taps, collect)


class _Minimal(NamedTuple):
    """Two outputs of a filter of t taps by t + 1 products: y = output @ ((kernel @ w) * (data @ x))."""

    data: Sequence[Sequence[float]]
    kernel: Sequence[Sequence[float]]
    output: Sequence[Sequence[float]]


_MINIMAL = {
    2: _Minimal(
        data=((1, -1, 0), (0, 1, 0), (0, -1, 1)),
        kernel=((1, 0), (1, 1), (0, 1)),
        output=((1, 1, 0), (0, 1, 1)),
    ),
    3: _Minimal(
        data=((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
        kernel=((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)),
        output=((1, 1, 1, 0), (0, 1, -1, -1)),
    ),
}


def _mix(matrix: Sequence[Sequence[float]], arrays: Sequence[Array]) -> Arrays:
    """matrix @ arrays, computed by the few additions that its entries require."""

    def row(weights: Sequence[float]) -> Array:
        terms = [a if w == 1 else -a if w == -1 else w * a for w, a in zip(weights, arrays, strict=True) if w]
        return sum(terms[1:], start=terms[0])

    return tuple(row(weights) for weights in matrix)


def _pixels_of_tiles(x: Images, axis: int, count: int, tiles: int) -> Arrays:
    """The first, second, ... pixel of every tile; tiles begin at every other pixel."""
    return tuple(lax.slice_in_dim(x, j, j + 2 * tiles - 1, stride=2, axis=axis) for j in range(count))


def output(form: Formulation, x: Images, w: Kernel, precision: Any) -> Outputs:
    """y from x [n, h, w, c] and w [kh, kw, c, o]."""
    products = [_dot(v, u, 3, 0, precision) for v, u in zip(form.spread(x), form.taps(w), strict=True)]
    return form.collect(tuple(products))


def input_gradient(form: Formulation, x: jax.ShapeDtypeStruct, w: Kernel, y: Outputs, precision: Any) -> Images:
    """The gradient of sum(output(x, w) * y) with respect to x, an array like the argument."""
    gradients = [_dot(d, u, 3, 1, precision) for d, u in zip(_collected(form, x, y), form.taps(w), strict=True)]
    return transpose(form.spread, x, tuple(gradients))


def kernel_gradient(form: Formulation, w: jax.ShapeDtypeStruct, x: Images, y: Outputs, precision: Any) -> Kernel:
    """The gradient of sum(output(x, w) * y) with respect to w, an array like the argument."""

    def rows(a: Float[Array, "*rows c"]) -> Float[Array, "n c"]:
        return a.reshape(-1, a.shape[-1])

    pairs = zip(form.spread(x), _collected(form, x, y), strict=True)
    return transpose(form.taps, w, tuple(_dot(rows(v), rows(d), 0, 0, precision) for v, d in pairs))


def transpose(linear: Callable[[Array], Any], like: jax.ShapeDtypeStruct, result: Any) -> Array:
    """The transpose of a linear map of arrays `like` the argument, applied to `result`."""
    return jax.linear_transpose(linear, like)(result)[0]


def _collected(form: Formulation, x: Any, y: Outputs) -> Arrays:
    """The gradient at each product if y is the gradient with respect to the output."""
    spread = jax.eval_shape(form.spread, x)
    products = tuple(jax.ShapeDtypeStruct((*v.shape[:-1], y.shape[-1]), y.dtype) for v in spread)
    return jax.linear_transpose(form.collect, products)(y)[0]


def _dot(a: Array, b: Array, axis_a: int, axis_b: int, precision: Any) -> Array:
    return lax.dot_general(a, b, (((axis_a,), (axis_b,)), ((), ())), precision=precision)
