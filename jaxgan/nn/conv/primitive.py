"""The convolution as one primitive, closed under differentiation and aware of seeds.

y = conv(x, w) is bilinear, so the sum of y d is a trilinear form of the image x, the kernel w and an output d. Its
gradients are the convolution and its two transposes. Here these are one primitive, whose `role` says which of the three
arrays it computes from the other two. Every derivative of any order, forward or reverse, is again one of the three.
Under `vmap` the primitive knows which operands have a seed axis, which determines the fastest way to compute it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Float

from jaxgan.nn.conv.formulations import (
    Formulation,
    Kernel,
    Outputs,
    filtering,
    input_gradient,
    kernel_gradient,
    output,
    patches,
    shifted,
    transpose,
)
from jaxgan.types import Array, Images

# Crossovers, measured by benchmarks/convolutions.py.
_THIN = 32  # channels after space-to-depth below which separate products and their maps are too thin
_CACHE = 2 * 2**20  # bytes of a spread-out batch on a CPU above which minimal filtering processes it in parts,
_CACHE_OF_OTHERS = 4 * 2**20  # and the other formulations, which move each number less often
_WORTHWHILE = 0.8  # share of the plain multiplications below which minimal filtering pays for its additions


class Window(NamedTuple):
    """The parameters of a convolution, and the sizes of an operand that do not follow from the other two."""

    image: tuple[int, int]
    kernel: tuple[int, int]
    strides: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]

    @property
    def out(self) -> tuple[int, int]:
        """Height and width of the output."""
        sizes = zip(self.image, self.padding, self.kernel, self.strides, strict=True)
        h, w = ((size + sum(pads) - k) // s + 1 for size, pads, k, s in sizes)
        return h, w

    @property
    def taps(self) -> tuple[int, int]:
        """Height and width of the kernel in blocks of one stride."""
        return -(-self.kernel[0] // self.strides[0]), -(-self.kernel[1] // self.strides[1])

    @property
    def block(self) -> int:
        """Pixels in a block of one stride."""
        return self.strides[0] * self.strides[1]


_NAMES = ("x", "w", "y")
_AXES = {"x": "nhwc", "w": "hwco", "y": "nhwo"}

conv_p = Primitive("jaxgan_conv")


def contract(a: Array, b: Array, role: str, window: Window, precision: Any = None, batched: bool = False) -> Array:
    """The array that `role` names, "x" [n, h, w, c], "w" [kh, kw, c, o] or "y" [n, h, w, o], from the other two.

    They are given in this order. With `batched`, each has a leading seed axis.
    """
    dtype = jnp.result_type(a, b)
    if precision is None:  # read here: lowering happens later, possibly outside a `default_matmul_precision`
        precision = jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]
    return conv_p.bind(a.astype(dtype), b.astype(dtype), role=role, window=window, precision=precision, batched=batched)


def operands_of(role: str) -> tuple[str, str]:
    first, second = (name for name in _NAMES if name != role)
    return first, second


def by_products(
    a: Array,
    b: Array,
    *,
    role: str,
    window: Window,
    precision: Any,
    batched: bool,
    formulation: Callable[..., Formulation] | None = None,
) -> Array:
    """Space-to-depth, which reduces the stride to 1, then a formulation, by default the best one for the shapes."""
    options: dict[str, Any] = {"role": role, "window": window, "precision": precision, "formulation": formulation}
    if batched:
        return jax.vmap(lambda a, b: by_products(a, b, batched=False, **options))(a, b)
    like = _like(a, b, role, window)
    to_blocks, kernel_blocks = partial(_image_blocks, window), partial(_kernel_blocks, window)
    image, kernel = jax.eval_shape(to_blocks, like["x"]), jax.eval_shape(kernel_blocks, like["w"])
    form = (formulation or choose(kernel.shape, window.out, a.dtype))(window.taps, window.out)
    if role == "y":
        return output(form, to_blocks(a), kernel_blocks(b), precision)
    if role == "x":
        return transpose(to_blocks, like["x"], input_gradient(form, image, kernel_blocks(a), b, precision))
    return transpose(kernel_blocks, like["w"], kernel_gradient(form, kernel, to_blocks(a), b, precision))


def in_pieces(
    a: Array,
    b: Array,
    *,
    role: str,
    window: Window,
    precision: Any,
    batched: bool,
    formulation: Callable[..., Formulation] | None = None,
) -> Array:
    """`by_products` for one seed and a few images at a time, so that intermediate arrays stay in the cache."""
    options: dict[str, Any] = {"role": role, "window": window, "precision": precision, "formulation": formulation}
    if batched:
        return jax.lax.map(lambda seed: in_pieces(*seed, batched=False, **options), (a, b))
    if role == "x" and window.strides == (1, 1) and (formulation or _formulation(a, window)) is not patches:
        # A convolution again, and twice as fast as the transposed `spread`, which adds overlapping tiles.
        options |= {"role": "y", "window": _turned_window(window)}
        return in_pieces(b, _turned(a), batched=False, **options)

    def one(a: Array, b: Array) -> Array:
        result = by_products(a, b, batched=False, **options)
        return jax.lax.optimization_barrier(result)  # otherwise XLA repeats the sum of products for each of its uses

    like = _like(a, b, role, window)
    pieces = _pieces(like["x"], like["w"], window, formulation)
    if pieces == 1:
        return one(a, b)
    each = {
        name: array.reshape(pieces, -1, *array.shape[1:])
        for name, array in zip(operands_of(role), (a, b), strict=True)
        if name != "w"
    }

    def piece(arrays: dict[str, Array]) -> Array:
        first, second = (arrays.get(name, whole) for name, whole in zip(operands_of(role), (a, b), strict=True))
        return one(first, second)

    if role != "w":
        result = jax.lax.map(piece, each)
        return result.reshape(-1, *result.shape[2:])
    first, rest = (jax.tree.map(lambda a, part=part: a[part], each) for part in (0, slice(1, None)))
    return jax.lax.scan(lambda total, arrays: (total + piece(arrays), None), piece(first), rest)[0]


def _turned(w: Kernel) -> Float[Array, "kh kw o c"]:
    """[kh, kw, c, o] -> [kh, kw, o, c], turned by half a circle: with it, a convolution of y is the gradient of x."""
    return w[::-1, ::-1].swapaxes(2, 3)


def _turned_window(window: Window) -> Window:
    """The window of that convolution: of stride 1, like the given one."""
    sizes = zip(window.image, window.out, window.kernel, window.padding, strict=True)
    first, second = ((k - 1 - low, image - out + low) for image, out, k, (low, _) in sizes)
    return Window(window.out, window.kernel, (1, 1), (first, second))


def _formulation(w: Any, window: Window) -> Callable[..., Formulation]:
    """The fastest formulation for a kernel of a window's strides."""
    return choose(jax.eval_shape(partial(_kernel_blocks, window), w).shape, window.out, w.dtype)


def _pieces(images: Any, kernel: Any, window: Window, formulation: Callable[..., Formulation] | None) -> int:
    """The smallest number of equal parts of a batch such that each part, spread out, stays in the cache.

    Every part reads the whole kernel, so it may be as large as that.
    """
    n = images.shape[0]
    if not isinstance(n, int) or window.taps == (1, 1):  # a symbolic size, as in `jax.export`; nothing is spread out
        return 1
    one_image = jax.ShapeDtypeStruct((1, *images.shape[1:]), images.dtype)
    make = formulation or _formulation(kernel, window)
    form = make(window.taps, window.out)
    size = _bytes(jax.eval_shape(lambda x: form.spread(_image_blocks(window, x)), one_image))
    taps = _bytes(jax.eval_shape(lambda w: form.taps(_kernel_blocks(window, w)), kernel))
    room = max(_CACHE if make is filtering else _CACHE_OF_OTHERS, 2 * taps)
    return next(parts for parts in range(1, n + 1) if n % parts == 0 and (n // parts * size <= room or parts == n))


def _bytes(arrays: Any) -> int:
    return sum(a.size * a.dtype.itemsize for a in jax.tree.leaves(arrays))


def choose(kernel: Sequence[int], out: tuple[int, int], dtype: Any) -> Callable[..., Formulation]:
    """The fastest formulation for a kernel [kh, kw, c, o] of stride 1, an output size and a type, as measured."""
    kh, kw, c, _ = kernel
    if c < _THIN:
        return patches
    share = (kh + 1) * (kw + 1) * -(-out[0] // 2) * -(-out[1] // 2) / (kh * kw * out[0] * out[1])
    if {kh, kw} <= {2, 3} and share < _WORTHWHILE and jnp.finfo(dtype).bits >= 32:
        return filtering
    return shifted


def by_xla(a: Array, b: Array, *, role: str, window: Window, precision: Any, batched: bool) -> Array:
    """The device's own convolution if all seeds share the weights; otherwise it has none that is fast."""
    if batched:
        return by_products(a, b, role=role, window=window, precision=precision, batched=batched)
    like = _like(a, b, role, window)

    def convolve(x: Images, w: Kernel) -> Outputs:
        numbers = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(
            x, w, window.strides, window.padding, dimension_numbers=numbers, precision=precision
        )

    if role == "y":
        return convolve(a, b)
    if role == "x":
        return transpose(lambda x: convolve(x, a), like["x"], b)
    return transpose(lambda w: convolve(a, w), like["w"], b)


def _like(a: Any, b: Any, role: str, window: Window) -> dict[str, jax.ShapeDtypeStruct]:
    """The shapes of all three arrays, from those of two."""
    operands = zip(operands_of(role), (a, b), strict=True)
    known = {axis: size for name, array in operands for axis, size in zip(_AXES[name], array.shape[-4:], strict=True)}
    n, c, o = (known[axis] for axis in "nco")
    shapes = {"x": (n, *window.image, c), "w": (*window.kernel, c, o), "y": (n, *window.out, o)}
    return {name: jax.ShapeDtypeStruct(shape, a.dtype) for name, shape in shapes.items()}


def _abstract(a: Any, b: Any, *, role: str, window: Window, precision: Any, batched: bool) -> jax.core.ShapedArray:
    result = _like(a, b, role, window)[role]
    return jax.core.ShapedArray(a.shape[:1] * batched + result.shape, result.dtype)


def _gradient(position: int, cotangent: Array, a: Any, b: Any, *, role: str, **params: Any) -> Array:
    """The transpose with respect to one operand: the same primitive, in the role of that operand."""
    wanted, other = operands_of(role)[position], operands_of(role)[1 - position]
    arrays = {role: cotangent, other: (a, b)[1 - position]}
    first, second = (arrays[name] for name in operands_of(wanted))
    return conv_p.bind(first, second, role=wanted, **params)


def _batch(
    operands: Sequence[Array], dims: Sequence[int | None], *, role: str, window: Window, precision: Any, batched: bool
) -> tuple[Array, int]:
    """Merges a seed axis of only one operand into the axis that it shares with the result; otherwise it comes first."""
    bind = partial(contract, role=role, window=window, precision=precision)
    names = operands_of(role)
    if None in dims:
        ((own, dim),) = ((i, dim) for i, dim in enumerate(dims) if dim is not None)
        (shared,) = set("nco") & set(_AXES[names[own]]) & set(_AXES[role])
        into, out = (_AXES[name].index(shared) + batched for name in (names[own], role))
        count = operands[own].shape[dim]
        joined = jnp.moveaxis(operands[own], dim, into)
        joined = joined.reshape(*joined.shape[:into], -1, *joined.shape[into + 2 :])
        both = (joined, operands[1]) if own == 0 else (operands[0], joined)
        result = bind(*both, batched=batched)
        return result.reshape(*result.shape[:out], count, -1, *result.shape[out + 1 :]), out
    a, b = (jnp.moveaxis(array, dim or 0, 0) for array, dim in zip(operands, dims, strict=True))
    if not batched:
        return bind(a, b, batched=True), 0
    merged = bind(*(array.reshape(-1, *array.shape[2:]) for array in (a, b)), batched=True)
    return merged.reshape(*a.shape[:2], *merged.shape[1:]), 0


conv_p.def_abstract_eval(_abstract)
conv_p.def_impl(jax.jit(conv_p.bind, static_argnames=("role", "window", "precision", "batched")))
ad.defbilinear(conv_p, partial(_gradient, 0), partial(_gradient, 1))
batching.primitive_batchers[conv_p] = _batch
mlir.register_lowering(conv_p, mlir.lower_fun(by_xla, multiple_results=False))
mlir.register_lowering(conv_p, mlir.lower_fun(in_pieces, multiple_results=False), platform="cpu")


def _image_blocks(window: Window, x: Images) -> Float[Array, "n rows columns c*{window.block}"]:
    """[n, h, w, c] -> [n, rows, columns, sh sw c], padded: each block of sh x sw pixels becomes one pixel.

    There are as many blocks as the taps reach; negative padding removes the rest.
    """
    blocks = [out + taps - 1 for out, taps in zip(window.out, window.taps, strict=True)]
    config = [
        (before, count * s - size - before, 0)
        for (before, _), count, s, size in zip(window.padding, blocks, window.strides, window.image, strict=True)
    ]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *config, (0, 0, 0)])
    n, (rows, columns), (sh, sw), c = x.shape[0], blocks, window.strides, x.shape[-1]
    return x.reshape(n, rows, sh, columns, sw, c).transpose(0, 1, 3, 2, 4, 5).reshape(n, rows, columns, sh * sw * c)


def _kernel_blocks(window: Window, w: Kernel) -> Float[Array, "rows columns c*{window.block} o"]:
    """[kh, kw, c, o] -> [taps, taps, sh sw c, o]: in the pixel order of `_image_blocks`."""
    (kh, kw), (rows, columns), (sh, sw), (c, o) = window.kernel, window.taps, window.strides, w.shape[2:]
    w = jnp.pad(w, ((0, rows * sh - kh), (0, columns * sw - kw), (0, 0), (0, 0)))
    return w.reshape(rows, sh, columns, sw, c, o).transpose(0, 2, 1, 3, 4, 5).reshape(rows, columns, sh * sw * c, o)
