"""BatchNorm whose scale and offset are linear in a vector of each example."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Float

from jaxgan.nn.layers import Wrap, orthogonal
from jaxgan.nn.resnet import Norm
from jaxgan.types import Array, Images


class ModulatedBatchNorm(nn.Module):
    """BatchNorm of x [n, ..., c] with scale 1 + W_s m and offset W_o m, from a vector m [n, d] of each example.

    x -> (1 + W_s m) (x - mean) / sqrt(var + epsilon) + W_o m, with mean and var over the whole batch; running averages
    are those of flax. W_s and W_o have no bias; `wrap` is applied to both, such as a spectral norm.

    Source: Brock et al. 2019, BigGAN, appendix B, where m is a chunk of the latent and an embedding of the class; the 1
    comes from the authors' code (ajbrock/BigGAN-PyTorch).

    Example:
      >>> import jax
      >>> layer, x = ModulatedBatchNorm(use_running_average=False), jnp.zeros((4, 8, 8, 3))
      >>> variables = layer.init(jax.random.key(0), x, jnp.ones((4, 5)))
      >>> {name: leaf["kernel"].shape for name, leaf in variables["params"].items()}
      {'scale': (5, 3), 'offset': (5, 3)}
    """

    use_running_average: bool
    momentum: float = 0.9
    epsilon: float = 1e-5
    kernel_init: nn.initializers.Initializer = orthogonal
    dtype: Any = None
    wrap: Wrap = lambda layer: layer

    @nn.compact
    def __call__(self, x: Float[Array, "n *size c"], m: Float[Array, "n d"]) -> Float[Array, "n *size c"]:
        def linear(name: str) -> Float[Array, "n *ones c"]:
            layer = nn.Dense(x.shape[-1], use_bias=False, kernel_init=self.kernel_init, dtype=self.dtype, name=name)
            return self.wrap(layer)(m).reshape(x.shape[0], *[1] * (x.ndim - 2), x.shape[-1])

        options = {name: getattr(self, name) for name in ("use_running_average", "momentum", "epsilon", "dtype")}
        y = nn.BatchNorm(use_scale=False, use_bias=False, **options)(x)
        return y * (1 + linear("scale")) + linear("offset")


def modulated_by(parts: Sequence[Float[Array, "n _"]], *, wrap: Any, kernel_init: Any, **options: Any) -> Norm:
    """A `Norm` for a module's `__call__`: `ModulatedBatchNorm` by the joined parts, or flax's BatchNorm without any."""

    def norm(x: Images, name: str) -> Images:
        if not parts:
            return nn.BatchNorm(name=name, **options)(x)
        layer = ModulatedBatchNorm(wrap=wrap, kernel_init=kernel_init, name=name, **options)
        return layer(x, jnp.concatenate(parts, axis=-1))

    return norm
