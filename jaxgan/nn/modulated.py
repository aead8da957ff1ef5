"""The layers of StyleGAN2's synthesis network: convolutions whose input channels are scaled by each example's style."""

import math
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Float

from jaxgan.nn.equalized import EqualizedDense, scaled_leaky_relu
from jaxgan.nn.layers import at_least_float32
from jaxgan.nn.pyramid import resampled_conv
from jaxgan.types import Array, Images


def modulated_conv(
    x: Images,
    kernel: Float[Array, "k k c o"],
    styles: Float[Array, "n c"],
    *,
    resample: str | None = None,
    demodulate: bool = True,
) -> Float[Array, "n out_h out_w o"]:
    """`resampled_conv` of each image with its own weights, w[a, b, i, o] = s[i] kernel[a, b, i, o].

    With `demodulate` each output channel is divided by sqrt(sum of w^2 + 1e-8), its standard deviation if inputs have
    standard deviation 1. Images are scaled before and after the convolution, so that the whole batch shares one
    convolution: this equals one convolution per example up to rounding and is faster (see
    `tests/nn/test_modulated.py`). The scales are computed in float32 even if x is narrower.

    Source: Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN, equations 1 to 3;
    `modulated_conv2d` of stylegan2-ada-pytorch, without a scale of the kernel.

    Args:
      x: images [n, h, w, c].
      kernel: [k, k, c, o], with k = 1 or 3.
      styles: [n, c].
      resample: "up", "down" or None, as in `resampled_conv`.
      demodulate: whether the outputs are normalized.

    Example:
      >>> x, kernel, styles = jnp.ones((2, 4, 4, 3)), jnp.ones((3, 3, 3, 5)), jnp.ones((2, 3))
      >>> modulated_conv(x, kernel, styles, resample="up").shape
      (2, 8, 8, 5)
    """
    y = resampled_conv(x * _per_channel(styles, x), kernel.astype(x.dtype), resample)
    if not demodulate:
        return y
    squares = jnp.matmul(styles**2, jnp.sum(kernel**2, axis=(0, 1)), precision="highest")
    return y * _per_channel(jnp.reciprocal(jnp.sqrt(squares + 1e-8)), y)


class SynthesisLayer(nn.Module):
    """Images and w [n, d] -> sqrt(2) LeakyReLU(modulated 3 x 3 convolution + strength noise + bias).

    The style is an affine map of w that starts close to 1. The noise has one number per pixel, shared by all channels;
    its strength is learned and starts at 0.
    Source: Karras et al. 2020, figure 2d; `SynthesisLayer` of stylegan2-ada-pytorch.

    Example:
      >>> x, w = jnp.ones((2, 4, 4, 3)), jnp.ones((2, 6))
      >>> import jax
      >>> shapes = jax.eval_shape(lambda: SynthesisLayer(5, up=True).init_with_output(jax.random.key(0), x, w))
      >>> shapes[0].shape
      (2, 8, 8, 5)
    """

    features: int
    up: bool = False
    dtype: Any = None
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: Images, w: Float[Array, "n d"], noise: Float[Array, "m out_h out_w"] | None = None
    ) -> Float[Array, "n out_h out_w {self.features}"]:
        x = x.astype(self.dtype or x.dtype)
        kernel = self.param("kernel", nn.initializers.normal(1.0), (3, 3, x.shape[-1], self.features), self.param_dtype)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), self.param_dtype)
        strength = self.param("noise_strength", nn.initializers.zeros, (), self.param_dtype)
        styles = EqualizedDense(x.shape[-1], bias_init=1.0, name="style")(w)
        x = modulated_conv(x, kernel, styles, resample="up" if self.up else None)
        if noise is not None:
            x = x + (strength * noise).astype(x.dtype)[..., None]
        return scaled_leaky_relu(x + bias.astype(x.dtype).reshape(1, 1, 1, -1))


class ToImage(nn.Module):
    """Images and w [n, d] -> images of `channels`, by a modulated 1 x 1 convolution without demodulation.

    Source: Karras et al. 2020; `ToRGBLayer` of stylegan2-ada-pytorch, whose scale of 1 / sqrt(c) is applied to the
    style.

    Example:
      >>> x, w = jnp.ones((2, 4, 4, 3)), jnp.ones((2, 6))
      >>> import jax
      >>> jax.eval_shape(lambda: ToImage(1).init_with_output(jax.random.key(0), x, w))[0].shape
      (2, 4, 4, 1)
    """

    channels: int
    dtype: Any = None
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Images, w: Float[Array, "n d"]) -> Float[Array, "n h w {self.channels}"]:
        c = x.shape[-1]
        kernel = self.param("kernel", nn.initializers.normal(1.0), (1, 1, c, self.channels), self.param_dtype)
        bias = self.param("bias", nn.initializers.zeros, (self.channels,), self.param_dtype)
        styles = EqualizedDense(c, bias_init=1.0, name="style")(w) / math.sqrt(c)
        y = at_least_float32(modulated_conv(x, kernel, styles, demodulate=False))
        return y + bias.reshape(1, 1, 1, -1)


def _per_channel(scale: Float[Array, "n c"], x: Images) -> Float[Array, "n 1 1 c"]:
    return scale.astype(x.dtype)[:, None, None, :]
