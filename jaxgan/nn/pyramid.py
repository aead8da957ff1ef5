"""Image pyramids that double from 4 x 4: the channels at each size, and the filter between two sizes.

The two networks with this structure, StyleGAN2 and R3GAN, use a filter with taps [1, 3, 3, 1] along each side. (R3GAN
specifies [1, 2, 1] and interpolates; convolved with the [1, 1] of doubling, this is the same filter.) The filter is a
sum of shifted images without weights, and stays such a sum under `vmap` over seeds.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Float

from jaxgan.nn.conv import conv, conv_transpose
from jaxgan.types import Array, Images

SIZES = tuple(2**k for k in range(3, 11))


def resolutions(size: int) -> tuple[int, ...]:
    """The sizes from 4 pixels to `size`, each twice the previous one.

    Raises:
      ValueError: a size that is not a power of two from 8 to 1024, with the nearest ones.

    Example:
      >>> resolutions(32)
      (4, 8, 16, 32)
    """
    if size in SIZES:
        return tuple(2**k for k in range(2, size.bit_length()))
    nearest = sorted(sorted(SIZES, key=lambda other: (abs(other - size), other))[:2])
    raise ValueError(
        "this network makes images of 8 to 1024 pixels a side, in powers of two; "
        f"got {size}, the nearest are {' and '.join(map(str, nearest))}"
    )


def channels_at(size: int, base: int, most: int, width: int | None = None) -> dict[int, int]:
    """The number of channels at each resolution r up to `size`: the smaller of base / r and `most`.

    `width` sets the number at the full size; base is then `width` times the size.

    Example:
      >>> channels_at(1024, 32768, 512)[1024], channels_at(16, 32768, 512, width=8)
      (32, {4: 32, 8: 16, 16: 8})
    """
    base = base if width is None else width * size
    return {r: max(1, min(base // r, most)) for r in resolutions(size)}


def upsample(x: Images) -> Float[Array, "n 2*h 2*w c"]:
    """Smoothed images of twice the size: inserts zeros between pixels and applies the filter with a gain of 4.

    Pixel i of a side becomes (x[i - 1] + 3 x[i]) / 4 and (3 x[i] + x[i + 1]) / 4, with x = 0 outside the image.
    Source: Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN; the authors' `upsample2d`.

    Example:
      >>> upsample(jnp.ones((1, 2, 2, 1)))[0, 1, :, 0].tolist()
      [0.75, 1.0, 1.0, 0.75]
    """
    for axis in (1, 2):
        size = x.shape[axis]
        before, here, after = (_part(_padded(x, axis, 1, 1), axis, j, size) for j in range(3))
        both = jnp.stack([(before + 3 * here) / 4, (3 * here + after) / 4], axis=axis + 1)
        x = both.reshape(*x.shape[:axis], 2 * size, *x.shape[axis + 1 :])
    return x


def downsample(x: Images) -> Float[Array, "n h//2 w//2 c"]:
    """Smoothed images of half the size: applies the filter and keeps every other pixel.

    Pixel i of a side is (x[2i - 1] + 3 x[2i] + 3 x[2i + 1] + x[2i + 2]) / 8, with x = 0 outside the image.
    Source: Karras et al. 2020; the authors' `downsample2d`.

    Example:
      >>> downsample(jnp.ones((1, 4, 4, 1)))[0, :, 0, 0].tolist()
      [0.765625, 0.765625]
    """
    for axis in (1, 2):
        padded, size = _padded(x, axis, 1, 1), x.shape[axis] // 2
        x = _weighted([_part(padded, axis, j, size, 2) for j in range(4)])
    return x


def blurred(x: Images, padding: int) -> Float[Array, "n h+2*{padding}-3 w+2*{padding}-3 c"]:
    """Applies the filter to images with `padding` zeros on each side.

    Example:
      >>> blurred(jnp.ones((1, 4, 4, 1)), 2)[0, 2, :, 0].tolist()
      [0.5, 0.875, 1.0, 0.875, 0.5]
    """
    for axis in (1, 2):
        padded = _padded(x, axis, padding, padding)
        x = _weighted([_part(padded, axis, j, padded.shape[axis] - 3) for j in range(4)])
    return x


def resampled_conv(
    x: Images, kernel: Float[Array, "k k c o"], resample: str | None = None
) -> Float[Array, "n out_h out_w o"]:
    """The convolution with a 1 x 1 or 3 x 3 kernel, of images at their size, doubled ("up") or halved ("down").

    A 3 x 3 kernel doubles images with a transposed convolution of stride 2, followed by smoothing; tap a moves pixel i
    to 2i + a, as in torch's `conv_transpose2d`. It halves images with a stride of 2 after smoothing. A 1 x 1 kernel is
    applied at the smaller of the two sizes.
    Source: `conv2d_resample` of stylegan2-ada-pytorch (Karras et al. 2020).

    Example:
      >>> resampled_conv(jnp.ones((1, 4, 4, 2)), jnp.ones((3, 3, 2, 5)), "up").shape
      (1, 8, 8, 5)
    """
    half = kernel.shape[0] // 2
    if resample == "up":
        if half == 0:
            return upsample(conv(x, kernel, (1, 1), "VALID"))
        return 4 * blurred(conv_transpose(x, kernel[::-1, ::-1], (2, 2), "VALID"), 1)
    if resample == "down":
        if half == 0:
            return conv(downsample(x), kernel, (1, 1), "VALID")
        return conv(blurred(x, 2), kernel, (2, 2), "VALID")
    return conv(x, kernel, (1, 1), ((half, half), (half, half)))


def _weighted(parts: list[Array]) -> Images:
    outer, inner = parts[0] + parts[3], parts[1] + parts[2]
    return outer / 8 + 3 * inner / 8


def _padded(x: Images, axis: int, before: int, after: int) -> Float[Array, "n rows columns c"]:
    config = [(before, after, 0) if i == axis else (0, 0, 0) for i in range(x.ndim)]
    return lax.pad(x, jnp.zeros((), x.dtype), config)


def _part(x: Images, axis: int, start: int, size: int, stride: int = 1) -> Float[Array, "n rows columns c"]:
    """`size` pixels along a side from `start`, with a step of `stride`."""
    return lax.slice_in_dim(x, start, start + stride * (size - 1) + 1, stride, axis)
