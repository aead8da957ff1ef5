"""Self-attention over the pixels of an image."""

import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from jaxgan.nn.conv import conv_general_dilated
from jaxgan.nn.layers import Wrap, at_least_float32, orthogonal
from jaxgan.types import Array, Images


class SelfAttention(nn.Module):
    """Images x [n, h, w, c] -> x + gamma W_o sum_j a_ij h(x_j), a_ij = softmax over j of <f(x_i), g(x_j)>.

    f, g, h and W_o are 1 x 1 convolutions without biases, with c/8, c/8, c/2 and c output channels. i runs over all
    pixels, and j over the 2 x 2 max-pooled pixels of g and h. gamma is learned and starts at 0, so the layer starts as
    the identity. The weights a_ij are computed in float32 or wider; `wrap` is applied to every convolution, such as a
    spectral norm.

    Source: Zhang et al. 2019, Self-Attention Generative Adversarial Networks. The paper uses c/8 channels for h as
    well, and all pixels j; this follows its authors' code and that of BigGAN.

    Raises:
      ValueError: when called, an odd height or width.

    Example:
      >>> x = jnp.ones((2, 4, 4, 16))
      >>> y, variables = SelfAttention().init_with_output(jax.random.key(0), x)
      >>> bool(jnp.all(y == x)), variables["params"]["h"]["kernel"].shape
      (True, (1, 1, 16, 8))
    """

    kernel_init: nn.initializers.Initializer = orthogonal
    dtype: Any = None
    wrap: Wrap = lambda layer: layer

    @nn.compact
    def __call__(self, x: Images) -> Images:
        n, height, width, channels = x.shape
        if height % 2 or width % 2:
            raise ValueError(f"self-attention needs an even height and width, got {height} x {width}")

        def conv(features: int, name: str) -> Callable[[Array], Array]:
            options: dict[str, Any] = {"use_bias": False, "kernel_init": self.kernel_init, "dtype": self.dtype}
            one = nn.Conv(max(features, 1), (1, 1), name=name, conv_general_dilated=conv_general_dilated, **options)
            return self.wrap(one)

        def flat(x: Images) -> Float[Array, "n pixels c"]:
            return x.reshape(n, math.prod(x.shape[1:3]), -1)

        queries = flat(conv(channels // 8, "f")(x))
        keys = flat(_largest(conv(channels // 8, "g")(x)))
        values = flat(_largest(conv(channels // 2, "h")(x)))
        scores = at_least_float32(jnp.einsum("nic,njc->nij", queries, keys))
        seen = jnp.einsum("nij,njc->nic", jax.nn.softmax(scores).astype(values.dtype), values)
        gamma = self.param("gamma", nn.initializers.zeros, ()).astype(values.dtype)
        return x + gamma * conv(channels, "o")(seen.reshape(n, height, width, -1))


def _largest(x: Images) -> Float[Array, "n h//2 w//2 c"]:
    """2 x 2 max pooling."""
    n, h, w, c = x.shape
    return jnp.max(x.reshape(n, h // 2, 2, w // 2, 2, c), axis=(2, 4))
