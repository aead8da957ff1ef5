"""Residual blocks for images with two 3 x 3 convolutions, as in SNGAN, WGAN-GP and BigGAN.

They apply ReLU before every convolution, double an image by copying pixels, and halve it by averaging 2 x 2 pixels. A
1 x 1 convolution commutes with both, so shortcuts apply it to the smaller image, with a quarter of the products. A
3 x 3 convolution of a doubled image, or before the halving, is one of 4 x 4 with stride 2: its kernel is the 3 x 3 one
summed over 2 x 2 shifts, it needs four ninths of the products, and the large image is not made at all.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Float

from jaxgan.nn.conv import Padding, conv_general_dilated, conv_transpose
from jaxgan.nn.layers import Wrap
from jaxgan.types import Array, Images

Norm = Callable[..., Images]
"""(x, name=...) -> x normalized, within a module's `__call__`."""

Form = TypeVar("Form")

glorot = nn.initializers.glorot_uniform()
glorot_of_gain_root_2 = nn.initializers.variance_scaling(2.0, "fan_avg", "uniform")


class Convolutions(NamedTuple):
    """The convolutions of one network: their wrapper and their initial kernels."""

    wrap: Wrap  # such as a spectral norm
    dtype: Any = None
    branch: nn.initializers.Initializer = glorot_of_gain_root_2  # of 3 x 3 kernels in blocks
    other: nn.initializers.Initializer = glorot

    def three(self, x: Images, features: int, name: str) -> Float[Array, "n h w {features}"]:
        """3 x 3, in a residual branch."""
        return self._made(x, features, 3, name, self.branch)

    def three_of_doubled(self, x: Images, features: int, name: str) -> Float[Array, "n h*2 w*2 {features}"]:
        """`three` of the doubled image."""
        return self._made(x, features, 3, name, self.branch, of_doubled)

    def halved_three(self, x: Images, features: int, name: str) -> Float[Array, "n h//2 w//2 {features}"]:
        """`three`, halved."""
        return self._made(x, features, 3, name, self.branch, then_halved)

    def one(self, x: Images, features: int, name: str) -> Float[Array, "n h w {features}"]:
        """1 x 1, in a shortcut."""
        return self._made(x, features, 1, name, self.other)

    def last(self, x: Images, features: int, name: str) -> Float[Array, "n h w {features}"]:
        """3 x 3, to the channels of an image."""
        return self._made(x, features, 3, name, self.other)

    def _made(
        self,
        x: Images,
        features: int,
        side: int,
        name: str,
        init: nn.initializers.Initializer,
        how: Callable[..., Images] = conv_general_dilated,
    ) -> Float[Array, "n out_h out_w {features}"]:
        layer = nn.Conv(features, (side, side), kernel_init=init, dtype=self.dtype, name=name, conv_general_dilated=how)
        return self.wrap(layer)(x)


def of_doubled(
    x: Images,
    kernel: Float[Array, "3 3 c o"],
    strides: Sequence[int] = (1, 1),
    padding: Padding = "SAME",
    **options: Any,
) -> Float[Array, "n h*2 w*2 o"]:
    """The 3 x 3 convolution of `doubled(x)`, padded to its size, as `nn.Conv(conv_general_dilated=of_doubled)`.

    A pixel of the doubled image is the pixel of x at the same place or before it, so that the taps on both add up:

        y[m] = sum_b (w[b] + w[b - 1]) z[m + b - 2],    z[2 i] = x[i], zero elsewhere, along each side.

    Example:
      >>> x, w = jnp.arange(4.0).reshape(1, 2, 2, 1), jnp.arange(9.0).reshape(3, 3, 1, 1)
      >>> bool(jnp.allclose(of_doubled(x, w), conv_general_dilated(doubled(x), w, (1, 1), "SAME")))
      True
    """
    _check_plain(strides, padding)
    return conv_transpose(x, _over_shifts(kernel), (2, 2), ((2, 2), (2, 2)), precision=options.get("precision"))


def then_halved(
    x: Images,
    kernel: Float[Array, "3 3 c o"],
    strides: Sequence[int] = (1, 1),
    padding: Padding = "SAME",
    **options: Any,
) -> Float[Array, "n h//2 w//2 o"]:
    """The 3 x 3 convolution of x, padded to its size, `halved`: as `nn.Conv(conv_general_dilated=then_halved)`.

        y[i] = sum_b (w[b] + w[b - 1]) x[2 i + b - 1] / 2    along each side.

    Example:
      >>> x, w = jnp.arange(16.0).reshape(1, 4, 4, 1), jnp.arange(9.0).reshape(3, 3, 1, 1)
      >>> bool(jnp.allclose(then_halved(x, w), halved(conv_general_dilated(x, w, (1, 1), "SAME"))))
      True
    """
    _check_plain(strides, padding)
    kernel = _over_shifts(kernel) / 4
    return conv_general_dilated(x, kernel, (2, 2), ((1, 1), (1, 1)), precision=options.get("precision"))


def _check_plain(strides: Sequence[int], padding: Padding) -> None:
    if tuple(strides) != (1, 1) or padding != "SAME":
        raise ValueError(f"expected strides (1, 1) and padding 'SAME', got {tuple(strides)} and {padding!r}")


def _over_shifts(kernel: Float[Array, "3 3 c o"]) -> Float[Array, "4 4 c o"]:
    """The sum of the kernel at 2 x 2 places."""
    none, before, after = (0, 0), (1, 0), (0, 1)
    rows = jnp.pad(kernel, (before, none, none, none)) + jnp.pad(kernel, (after, none, none, none))
    return jnp.pad(rows, (none, before, none, none)) + jnp.pad(rows, (none, after, none, none))


def doubled(x: Images) -> Float[Array, "n h*2 w*2 c"]:
    """Doubles the height and width by copying each pixel to 2 x 2: nearest-neighbour interpolation.

    Example:
      >>> doubled(jnp.arange(2.0).reshape(1, 1, 2, 1))[0, :, :, 0].tolist()
      [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]]
    """
    n, h, w, c = x.shape
    return jnp.broadcast_to(x[:, :, None, :, None], (n, h, 2, w, 2, c)).reshape(n, 2 * h, 2 * w, c)


def halved(x: Images) -> Float[Array, "n h//2 w//2 c"]:
    """Halves the height and width, which must be even, by averaging 2 x 2 pixels.

    Example:
      >>> halved(jnp.arange(4.0).reshape(1, 2, 2, 1)).tolist()
      [[[[1.5]]]]
    """
    n, h, w, c = x.shape
    return jnp.mean(x.reshape(n, h // 2, 2, w // 2, 2, c), axis=(2, 4))


def no_norm(x: Images, name: str) -> Images:
    """A `Norm` that returns x unchanged."""
    del name
    return x


def up_block(
    conv: Convolutions, norm: Norm, x: Images, features: int, name: str
) -> Float[Array, "n h*2 w*2 {features}"]:
    """norm, ReLU, doubling, 3 x 3, norm, ReLU, 3 x 3; plus the doubled image through a 1 x 1."""
    y = conv.three_of_doubled(nn.relu(norm(x, name=f"{name}_norm_0")), features, f"{name}_conv_0")
    y = conv.three(nn.relu(norm(y, name=f"{name}_norm_1")), features, f"{name}_conv_1")
    return y + doubled(conv.one(x, features, f"{name}_shortcut"))


def down_block(
    conv: Convolutions, norm: Norm, x: Images, features: int, name: str, *, halve: bool, hidden: int, projected: bool
) -> Float[Array, "n out_h out_w {features}"]:
    """norm, ReLU, 3 x 3, norm, ReLU, 3 x 3, halving; plus the halved image.

    Args:
      conv: the network's convolutions.
      norm: applied before each ReLU.
      x: images.
      features: the channels of the result.
      name: the name of the block, a prefix for the names of its layers.
      halve: whether it halves the image.
      hidden: the channels between its convolutions.
      projected: whether the shortcut has a 1 x 1 convolution, which is required if the channels change.
    """
    y = conv.three(nn.relu(norm(x, name=f"{name}_norm_0")), hidden, f"{name}_conv_0")
    y, layer = nn.relu(norm(y, name=f"{name}_norm_1")), f"{name}_conv_1"
    y = conv.halved_three(y, features, layer) if halve else conv.three(y, features, layer)
    x = halved(x) if halve else x
    return y + (conv.one(x, features, f"{name}_shortcut") if projected else x)


def first_block(conv: Convolutions, x: Images, features: int, name: str) -> Float[Array, "n h//2 w//2 {features}"]:
    """`down_block` for the input image: halves it, without norms and without a ReLU before the first convolution."""
    y = nn.relu(conv.three(x, features, f"{name}_conv_0"))
    y = conv.halved_three(y, features, f"{name}_conv_1")
    return y + conv.one(halved(x), features, f"{name}_shortcut")


def form_for(size: int, forms: Mapping[int, Form], network: str) -> Form:
    """The layout of a network for images of `size` pixels.

    Raises:
      ValueError: an unsupported size, with the supported sizes.

    Example:
      >>> form_for(33, {32: "a", 48: "b"}, "an SNGAN")
      Traceback (most recent call last):
      ValueError: an SNGAN makes images of 32 or 48 pixels a side, got 33; the nearest is 32
    """
    if size in forms:
        return forms[size]
    *others, last = sorted(forms)
    known = f"{', '.join(map(str, others))} or {last}" if others else str(last)
    nearest = min(sorted(forms), key=lambda other: abs(other - size))
    raise ValueError(f"{network} makes images of {known} pixels a side, got {size}; the nearest is {nearest}")
