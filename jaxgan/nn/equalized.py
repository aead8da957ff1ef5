"""Layers with an equalized learning rate: weights from N(0, 1), scaled by 1 / sqrt(inputs) at run time.

With Adam all weights then move equally far relative to their size. An `lr_multiplier` below 1 slows a layer down: its
weights start larger and are scaled down by that factor.
Source: Karras et al. 2018, Progressive Growing of GANs, section 4.1; the multiplier: Karras et al. 2019, A Style-Based
Generator Architecture, section C; conventions of stylegan2-ada-pytorch.
"""

import math
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jaxtyping import Float

from jaxgan.nn.pyramid import resampled_conv
from jaxgan.types import Array, Images


def scaled_leaky_relu(x: Float[Array, "*x"]) -> Float[Array, "*x"]:
    """sqrt(2) LeakyReLU(0.2), which approximately keeps the second moment of N(0, 1) (1.04).

    Example:
      >>> [round(float(y), 3) for y in scaled_leaky_relu(jnp.array([1.0, -1.0]))]
      [1.414, -0.283]
    """
    return math.sqrt(2) * nn.leaky_relu(x, 0.2)


def unit_second_moment(x: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """Vectors x / sqrt(mean of x^2 + 1e-8), of length sqrt(d).

    Source: Karras et al. 2018, section 4.2, for pixels; Karras et al. 2019 for latents.

    Example:
      >>> [round(float(number), 3) for number in unit_second_moment(jnp.array([[3.0, 4.0]]))[0]]
      [0.849, 1.131]
    """
    return x * jnp.reciprocal(jnp.sqrt(jnp.mean(x**2, axis=-1, keepdims=True) + 1e-8))


class EqualizedDense(nn.Module):
    """x [n, d] -> x (kernel lr_multiplier / sqrt(d)) + lr_multiplier bias, kernel from N(0, 1 / lr_multiplier^2).

    Example:
      >>> import jax
      >>> layer, x = EqualizedDense(5, lr_multiplier=0.01), jnp.ones((2, 3))
      >>> layer.init_with_output(jax.random.key(0), x)[0].shape
      (2, 5)
    """

    features: int
    lr_multiplier: float = 1.0
    bias_init: float = 0.0
    dtype: Any = None
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, "n {self.features}"]:
        shape = (x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.normal(1 / self.lr_multiplier), shape, self.param_dtype)
        bias = self.param("bias", nn.initializers.constant(self.bias_init), (self.features,), self.param_dtype)
        kernel, bias = kernel * (self.lr_multiplier / math.sqrt(x.shape[-1])), self.lr_multiplier * bias
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        return x @ kernel + bias.reshape(1, -1)


class EqualizedConv(nn.Module):
    """Images convolved with kernel / sqrt(k k c), kernel from N(0, 1); `down` halves them as well.

    Example:
      >>> import jax
      >>> layer, x = EqualizedConv(5, 3, down=True), jnp.ones((2, 8, 8, 3))
      >>> layer.init_with_output(jax.random.key(0), x)[0].shape
      (2, 4, 4, 5)
    """

    features: int
    kernel_size: int
    down: bool = False
    use_bias: bool = True
    dtype: Any = None
    param_dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Images) -> Float[Array, "n out_h out_w {self.features}"]:
        k, c = self.kernel_size, x.shape[-1]
        kernel = self.param("kernel", nn.initializers.normal(1.0), (k, k, c, self.features), self.param_dtype)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), self.param_dtype) if self.use_bias else None
        x, kernel, bias = promote_dtype(x, kernel / math.sqrt(k * k * c), bias, dtype=self.dtype)
        y = resampled_conv(x, kernel, "down" if self.down else None)
        return y if bias is None else y + bias.reshape(1, 1, 1, -1)
