"""flax layers that use the convolutions of `jaxgan.nn.conv`."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax.custom_batching import sequential_vmap
from jaxtyping import Float

from jaxgan.nn.conv import Padding, conv_transpose
from jaxgan.types import Array, Images, Key


class ConvTranspose(nn.Module):
    """`flax.linen.ConvTranspose` (for images, without dilation) with `conv_transpose`; same parameters and output."""

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
    def __call__(self, x: Images) -> Float[Array, "n out_h out_w {self.features}"]:
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, self.param_dtype)
        bias = self.param("bias", self.bias_init, (self.features,), self.param_dtype) if self.use_bias else None
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        y = conv_transpose(x, kernel, self.strides, self.padding)
        return y if bias is None else y + bias.reshape(1, 1, 1, -1)


Wrap = Callable[[nn.Module], Callable[[Array], Array]]
"""A wrapper for every layer of a network: module -> a function of the layer's input."""


def spectrally_normalized(wanted: bool, *, train: bool) -> Wrap:
    """A wrapper that, if `wanted`, divides a layer's kernel by its largest singular value: flax's `SpectralNorm`.

    Each call in training makes one step of power iteration; its vector is model state, one for every seed.
    """

    def wrap(layer: nn.Module) -> Callable[[Array], Array]:
        return partial(nn.SpectralNorm(layer), update_stats=train) if wanted else layer

    return wrap


def orthogonal(key: Key, shape: Sequence[int], dtype: Any = jnp.float32) -> Float[Array, "..."]:
    """flax's orthogonal initializer, applied to one network after another if many seeds are initialized at once.

    For many networks at once, the QR of jaxlib 0.10 on a CPU waits for threads of the pool that it runs in: if as many
    independent kernels as there are cores do so, they deadlock.

    Example:
      >>> import jax
      >>> kernels = jax.vmap(lambda key: orthogonal(key, (3, 2)))(jax.random.split(jax.random.key(0), 4))
      >>> bool(jnp.allclose(jnp.einsum("sio,sip->sop", kernels, kernels), jnp.eye(2)[None], atol=1e-5))
      True
    """
    return sequential_vmap(lambda key: nn.initializers.orthogonal()(key, shape, dtype))(key)


def at_least_float32(x: Float[Array, "*x"]) -> Float[Array, "*x"]:
    """Converts a network's output to float32 if it is narrower, so that losses and samples are at least float32.

    Example:
      >>> at_least_float32(jnp.ones(2, jnp.bfloat16)).dtype
      dtype('float32')
    """
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
