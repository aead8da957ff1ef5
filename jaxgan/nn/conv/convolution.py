"""Convolutions as matrix products: `lax.conv_general_dilated` and `lax.conv_transpose`, fast over seeds.

XLA's own convolution leaves its fast path on CPU inside a loop (15 to 25 times slower than outside), and `vmap` over
its weights creates a grouped convolution, which is slow on every device. Matrix products have neither problem.
"""

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Float

from jaxgan.nn.conv.primitive import Window, contract
from jaxgan.types import Array, Images

Padding = str | Sequence[tuple[int, int]]
Kernel = Float[Array, "kh kw c o"]

_LAYOUT = ("NHWC", "HWIO", "NHWC")


def plain_by_default(setting: str) -> bool:
    """Whether the environment variable `JAXGAN_CONV` selects "lax"; "" and "products" select matrix products.

    Raises:
      ValueError: another value.

    Example:
      >>> plain_by_default("lax"), plain_by_default("")
      (True, False)
    """
    if setting not in ("", "lax", "products"):
        raise ValueError(f"JAXGAN_CONV must be 'lax' or 'products', got {setting!r}")
    return setting == "lax"


_PLAIN = plain_by_default(os.environ.get("JAXGAN_CONV", ""))


def conv(
    x: Images,
    kernel: Kernel,
    strides: Sequence[int],
    padding: Padding,
    *,
    precision: Any = None,
    plain: bool = _PLAIN,
) -> Float[Array, "n out_h out_w o"]:
    """Equal to `lax.conv_general_dilated` on x [n, h, w, c] and kernel [kh, kw, c, o] (NHWC, HWIO).

    Args:
      x: images [n, h, w, c].
      kernel: [kh, kw, c, o].
      strides: along the two sides.
      padding: as in lax: "SAME", "VALID" or pairs.
      precision: the precision of products, as in lax.
      plain: whether to use `lax.conv_general_dilated` itself; by default as set by `JAXGAN_CONV`.

    Example:
      >>> conv(jnp.ones((1, 8, 8, 3)), jnp.ones((4, 4, 3, 5)), (2, 2), "SAME").shape
      (1, 4, 4, 5)
    """
    if plain:
        x, kernel = _one_dtype(x, kernel)
        return lax.conv_general_dilated(x, kernel, strides, padding, dimension_numbers=_LAYOUT, precision=precision)
    image, size = x.shape[1:3], kernel.shape[:2]
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(image, size, strides, padding)
    return contract(x, kernel, "y", _window(image, size, strides, padding), precision)


def conv_transpose(
    x: Images,
    kernel: Kernel,
    strides: Sequence[int],
    padding: Padding,
    *,
    precision: Any = None,
    plain: bool = _PLAIN,
) -> Float[Array, "n out_h out_w o"]:
    """Equal to `lax.conv_transpose` on x [n, h, w, c] and kernel [kh, kw, c, o] (NHWC, HWIO).

    Does not multiply by inserted zeros.

    Args:
      x: images [n, h, w, c].
      kernel: [kh, kw, c, o].
      strides: along the two sides.
      padding: as in `lax.conv_transpose`: "SAME" multiplies the size by the stride; pairs refer to the equivalent
        convolution of the image with stride - 1 zeros between its pixels.
      precision: the precision of products, as in lax.
      plain: whether to use `lax.conv_transpose` itself; by default as set by `JAXGAN_CONV`.

    Example:
      >>> conv_transpose(jnp.ones((1, 4, 4, 3)), jnp.ones((4, 4, 3, 5)), (2, 2), "SAME").shape
      (1, 8, 8, 5)
    """
    if plain:
        x, kernel = _one_dtype(x, kernel)
        return lax.conv_transpose(x, kernel, strides, padding, dimension_numbers=_LAYOUT, precision=precision)
    size = kernel.shape[:2]
    if isinstance(padding, str):
        padding = [_transpose_pads(k, s, padding) for k, s in zip(size, strides, strict=True)]
    # It is the transpose, in the image, of the convolution with the flipped kernel and complementary padding.
    sides = list(zip(x.shape[1:3], size, strides, padding, strict=True))
    image = [(n - 1) * s + 2 - k + sum(pads) for n, k, s, pads in sides]
    complement = [(k - 1 - before, k - 1 - after) for _, k, _, (before, after) in sides]
    window = _window(image, size, strides, complement)
    return contract(kernel[::-1, ::-1].swapaxes(2, 3), x, "x", window, precision)


def conv_general_dilated(
    lhs: Array,
    rhs: Array,
    window_strides: Sequence[int],
    padding: Padding,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    precision: Any = None,
    *,
    plain: bool = _PLAIN,
    **options: Any,
) -> Array:
    """`conv` in the form for `flax.linen.Conv(conv_general_dilated=...)`: two dimensions, NHWC and HWIO.

    Groups use `vmap`. A dilated kernel multiplies by inserted zeros; a dilated image does so only if there are strides
    as well. `plain` calls `lax.conv_general_dilated` itself; by default it is set by `JAXGAN_CONV`.

    Raises:
      ValueError: a number of dimensions other than two, another order of axes, further options of lax, or a dilated
        image without padding in pairs.
    """
    if plain:
        return lax.conv_general_dilated(
            lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers or _LAYOUT,
            feature_group_count, precision=precision, **options
        )  # fmt: skip
    if lhs.ndim != 4:
        raise ValueError(f"this convolution is for images [n, h, w, c], got shape {lhs.shape}")
    numbers, own = (
        lax.conv_dimension_numbers(lhs.shape, rhs.shape, n) for n in (dimension_numbers or _LAYOUT, _LAYOUT)
    )
    if numbers != own or any(value is not None for value in options.values()):
        got = f"dimension_numbers {dimension_numbers}" if numbers != own else ", ".join(options)
        raise ValueError(f"this convolution is for NHWC and HWIO without further options, got {got}: give plain=True")
    if feature_group_count != 1:
        one = partial(conv_general_dilated, window_strides=window_strides, padding=padding, lhs_dilation=lhs_dilation,
                      rhs_dilation=rhs_dilation, precision=precision)  # fmt: skip
        grouped = (a.reshape(*a.shape[:3], feature_group_count, -1) for a in (lhs, rhs))
        y = jax.vmap(one, in_axes=3, out_axes=3)(*grouped)
        return y.reshape(*y.shape[:3], -1)
    rhs = _dilate(rhs, 0, rhs_dilation or (1, 1))
    dilation = tuple(lhs_dilation or (1, 1))
    if dilation != (1, 1) and isinstance(padding, str):
        raise ValueError(f"a dilated image needs its padding in pairs, got {padding!r}")
    if dilation != (1, 1) and all(s == 1 for s in window_strides):
        return conv_transpose(lhs, rhs, dilation, padding, precision=precision)
    return conv(_dilate(lhs, 1, dilation), rhs, window_strides, padding, precision=precision)


def _one_dtype(x: Images, kernel: Kernel) -> tuple[Images, Kernel]:
    dtype = jnp.result_type(x, kernel)
    return x.astype(dtype), kernel.astype(dtype)


def _window(
    image: Sequence[int], kernel: Sequence[int], strides: Sequence[int], padding: Sequence[tuple[int, int]]
) -> Window:
    (h, w), (kh, kw), (sh, sw) = image, kernel, strides
    (top, bottom), (left, right) = padding
    return Window((h, w), (kh, kw), (sh, sw), ((top, bottom), (left, right)))


def _dilate(a: Array, axis: int, dilation: Sequence[int]) -> Array:
    """Inserts zeros between the pixels of two axes."""
    config = [(0, 0, dilation[i - axis] - 1 if i in (axis, axis + 1) else 0) for i in range(a.ndim)]
    return lax.pad(a, jnp.zeros((), a.dtype), config)


def _transpose_pads(k: int, s: int, padding: str) -> tuple[int, int]:
    """The pairs that `lax.conv_transpose` uses for "SAME" and "VALID"."""
    if padding == "SAME":
        total = k + s - 2
        before = k - 1 if s > k - 1 else -(-total // 2)
    elif padding == "VALID":
        total = k + s - 2 + max(k - s, 0)
        before = k - 1
    else:
        raise ValueError(f"padding must be 'SAME', 'VALID' or pairs, got {padding!r}")
    return before, total - before
