"""Convolutions made of matrix products, as drop-ins for flax's.

XLA's own convolution falls off its fast path on CPU inside `lax.scan` (15 to 25 times slower than outside), and
`vmap` over its weights makes a grouped convolution, slow on every device. A matrix product suffers neither: under
`vmap` it is a batched matrix product.

A convolution of stride s is one of stride 1 on the space-to-depth image, whose kernel has ceil(k / s) taps a side;
each tap is a contiguous shift. The transposed convolution is the same backwards: matrix products, shifted sums,
depth-to-space; no multiplication by inserted zeros.
"""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import lax

from jaxgan.types import Array

# Below this many input channels (after space-to-depth) one product on concatenated patches beats a sum of
# products of shifted images: the products are too thin to keep a core busy.
_PATCHES_BELOW = 8

Padding = str | Sequence[tuple[int, int]]


def conv(x: Array, kernel: Array, strides: Sequence[int], padding: Padding) -> Array:
    """Equal to `lax.conv_general_dilated` on x [n, h, w, c] and kernel [kh, kw, c, o] (NHWC, HWIO).

    Strides must be the same in both directions. Padding as in lax: "SAME", "VALID" or pairs.

    Example:
      >>> conv(jnp.ones((1, 8, 8, 3)), jnp.ones((4, 4, 3, 5)), (2, 2), "SAME").shape
      (1, 4, 4, 5)
    """
    (s, s_w), (kh, kw) = strides, kernel.shape[:2]
    if s != s_w:
        raise ValueError(f"strides must be equal in both directions, got {tuple(strides)}")
    _, h, w, c = x.shape
    if isinstance(padding, str):
        padding = lax.padtype_to_pads((h, w), (kh, kw), (s, s), padding)
    (top, bottom), (left, right) = padding
    out_h, out_w = (h + top + bottom - kh) // s + 1, (w + left + right - kw) // s + 1
    taps_h, taps_w = -(-kh // s), -(-kw // s)

    # The rows and columns that the taps reach, in whole blocks of s; negative padding cuts what none reaches.
    rows, cols = (out_h + taps_h - 1) * s, (out_w + taps_w - 1) * s
    zero = jnp.zeros((), x.dtype)
    x = lax.pad(x, zero, ((0, 0, 0), (top, rows - h - top, 0), (left, cols - w - left, 0), (0, 0, 0)))
    x = _space_to_depth(x, s)
    kernel = jnp.pad(kernel, ((0, taps_h * s - kh), (0, taps_w * s - kw), (0, 0), (0, 0)))
    kernel = _blocks(kernel, s).reshape(taps_h, taps_w, s * s * c, -1)

    taps = [(i, j) for i in range(taps_h) for j in range(taps_w)]
    windows = [x[:, i : i + out_h, j : j + out_w] for i, j in taps]
    if s * s * c < _PATCHES_BELOW:
        return jnp.concatenate(windows, axis=-1) @ kernel.reshape(-1, kernel.shape[-1])
    return sum((window @ kernel[tap] for window, tap in zip(windows, taps, strict=True)), start=zero)


def conv_transpose(x: Array, kernel: Array, strides: Sequence[int], padding: Padding) -> Array:
    """Equal to `lax.conv_transpose` on x [n, h, w, c] and kernel [kh, kw, c, o] (NHWC, HWIO).

    Strides must be the same in both directions. Padding as in `lax.conv_transpose`: "SAME" multiplies the size
    by the stride; pairs are those of the equivalent convolution of the dilated image.

    Example:
      >>> conv_transpose(jnp.ones((1, 4, 4, 3)), jnp.ones((4, 4, 3, 5)), (2, 2), "SAME").shape
      (1, 8, 8, 5)
    """
    (s, s_w), (kh, kw) = strides, kernel.shape[:2]
    if s != s_w:
        raise ValueError(f"strides must be equal in both directions, got {tuple(strides)}")
    n, h, w, c = x.shape
    o = kernel.shape[-1]
    if isinstance(padding, str):
        (top, bottom), (left, right) = (_transpose_pads(k, s, padding) for k in (kh, kw))
    else:
        (top, bottom), (left, right) = padding
    taps_h, taps_w = -(-kh // s), -(-kw // s)

    # lax.conv_transpose correlates the dilated image, so a pixel writes its kernel back to front.
    kernel = jnp.pad(kernel[::-1, ::-1], ((0, taps_h * s - kh), (0, taps_w * s - kw), (0, 0), (0, 0)))
    kernel = kernel.reshape(taps_h, s, taps_w, s, c, o).transpose(4, 0, 2, 1, 3, 5)
    written = (x @ kernel.reshape(c, -1)).reshape(n, h, w, taps_h, taps_w, s * s * o)
    zero = jnp.zeros((), x.dtype)
    blocks = sum(
        (
            jnp.pad(written[:, :, :, i, j], ((0, 0), (i, taps_h - 1 - i), (j, taps_w - 1 - j), (0, 0)))
            for i in range(taps_h)
            for j in range(taps_w)
        ),
        start=zero,
    )
    full = _depth_to_space(blocks, s)
    # `full` starts where the first pixel writes first: kh - 1 rows before row 0 of the unpadded correlation.
    rows, cols = (h - 1) * s + 2 - kh + top + bottom, (w - 1) * s + 2 - kw + left + right
    cut_h, cut_w = kh - 1 - top, kw - 1 - left
    return lax.pad(
        full,
        zero,
        (
            (0, 0, 0),
            (-cut_h, rows + cut_h - full.shape[1], 0),
            (-cut_w, cols + cut_w - full.shape[2], 0),
            (0, 0, 0),
        ),
    )


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
    **options: Any,
) -> Array:
    """`conv` in the form that `flax.linen.Conv(conv_general_dilated=...)` takes.

    Raises:
      ValueError: a dilation or feature groups, which `conv` does not have.
    """
    del dimension_numbers, precision, options  # flax passes NHWC and HWIO, and the product's own precision
    dilated = any(d != 1 for d in (*(lhs_dilation or ()), *(rhs_dilation or ())))
    if dilated or feature_group_count != 1:
        raise ValueError(
            "this convolution has no dilation and no groups, got "
            f"lhs_dilation={lhs_dilation}, rhs_dilation={rhs_dilation}, "
            f"feature_group_count={feature_group_count}"
        )
    return conv(lhs, rhs, window_strides, padding)


class ConvTranspose(nn.Module):
    """`flax.linen.ConvTranspose` (square strides, no dilation) on `conv_transpose`; same parameters, same output."""

    features: int
    kernel_size: Sequence[int]
    strides: Sequence[int] = (1, 1)
    padding: Padding = "SAME"
    use_bias: bool = True
    kernel_init: nn.initializers.Initializer = nn.linear.default_kernel_init
    bias_init: nn.initializers.Initializer = nn.initializers.zeros_init()
    dtype: Any = None
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, self.param_dtype)
        bias = self.param("bias", self.bias_init, (self.features,), self.param_dtype) if self.use_bias else None
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        y = conv_transpose(x, kernel, self.strides, self.padding)
        return y if bias is None else y + bias.reshape(1, 1, 1, -1)


def _space_to_depth(x: Array, s: int) -> Array:
    """[n, h, w, c] -> [n, h / s, w / s, s s c]: each block of s x s pixels becomes one pixel."""
    if s == 1:
        return x
    n, h, w, c = x.shape
    return x.reshape(n, h // s, s, w // s, s, c).transpose(0, 1, 3, 2, 4, 5).reshape(n, h // s, w // s, s * s * c)


def _depth_to_space(x: Array, s: int) -> Array:
    """The inverse of `_space_to_depth`."""
    if s == 1:
        return x
    n, h, w, c = x.shape
    return x.reshape(n, h, w, s, s, c // s**2).transpose(0, 1, 3, 2, 4, 5).reshape(n, h * s, w * s, c // s**2)


def _blocks(kernel: Array, s: int) -> Array:
    """[kh, kw, c, o] -> [kh / s, kw / s, s, s, c, o]: the taps in the order in which space-to-depth puts pixels."""
    kh, kw, c, o = kernel.shape
    return kernel.reshape(kh // s, s, kw // s, s, c, o).transpose(0, 2, 1, 3, 4, 5)


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
