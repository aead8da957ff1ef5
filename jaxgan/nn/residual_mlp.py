"""Perceptrons with residual branches and no normalization: deep networks for points, whose examples are independent.

h -> h + W_2 relu(W_1 relu(h) + b_1) + b_2 in each of L blocks. To keep the scale of activations and updates independent
of depth, W_1 starts with He initialization times L^(-1/2), and W_2 at 0, so a block starts as the identity.
Source: Zhang et al. 2019, Fixup Initialization, whose factor for branches of m layers is L^(-1 / (2 m - 2)); the blocks
of R3GAN (Huang et al. 2024) start in the same way, with m = 3.
"""

import math
from typing import Any

import flax.linen as nn
from jaxtyping import Float, Shaped

from jaxgan.nn import conditional
from jaxgan.nn.fields import check_fields
from jaxgan.nn.layers import Wrap, at_least_float32, spectrally_normalized
from jaxgan.types import Array


def branches(x: Float[Array, "n d"], blocks: int, *, wrap: Wrap, zero: bool, dtype: Any) -> Float[Array, "n d"]:
    """x through `blocks` residual blocks, within a module's `__call__`.

    Args:
      x: with the width of all layers.
      blocks: the number of blocks.
      wrap: applied to every layer, such as a spectral norm.
      zero: whether branches start at 0.
      dtype: the type of the computation.
    """
    first = nn.initializers.variance_scaling(2.0 / max(blocks, 1), "fan_in", "truncated_normal")
    last = nn.initializers.zeros if zero else first
    for i in range(blocks):
        y = wrap(nn.Dense(x.shape[-1], kernel_init=first, dtype=dtype, name=f"block_{i}_0"))(nn.relu(x))
        x = x + wrap(nn.Dense(x.shape[-1], kernel_init=last, dtype=dtype, name=f"block_{i}_1"))(nn.relu(y))
    return x


class ResidualMLPGenerator(nn.Module):
    """z [n, d] -> x [n, features]: a linear layer, `blocks` residual blocks of `width` features, a linear output.

    `dtype` is the type of the computation, as in flax (None: that of the parameters); results are float32 or wider.

    With `classes` it is called with y [n] after z, and `condition` names how it uses them, see
    `jaxgan.nn.conditional.GENERATOR`.

    Source: Zhang et al. 2019, Fixup Initialization: Residual Learning Without Normalization.

    Raises:
      ValueError: a number out of range, or an unknown condition.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> ResidualMLPGenerator(2).init_with_output(jax.random.key(0), jnp.zeros((3, 8)), train=False)[0].shape
      (3, 2)
    """

    features: int
    width: int = 128
    blocks: int = 3
    dtype: Any = None
    classes: int = 0
    condition: str = "embedding"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fields(self)
        conditional.check_condition(self, conditional.GENERATOR["residual_mlp"])

    @nn.compact
    def __call__(
        self, z: Float[Array, "n d"], y: Shaped[Array, "n ..."] | None = None, *, train: bool
    ) -> Float[Array, "n {self.features}"]:
        del train
        x = nn.Dense(self.width, dtype=self.dtype, name="first")(
            conditional.latents(conditional.condition_of(self, y, z), z)
        )
        x = branches(x, self.blocks, wrap=lambda layer: layer, zero=True, dtype=self.dtype)
        return at_least_float32(nn.Dense(self.features, dtype=self.dtype, name="last")(nn.relu(x)))


class ResidualMLPDiscriminator(nn.Module):
    """x [n, ...] -> logits [n]: the flattened example, and layers like those of the generator.

    `spectral_norm` divides every kernel by its largest singular value (Miyato et al. 2018); branches then start with
    He initialization, because 0 has no leading singular vector. An example's logit does not depend on other examples.
    The last layer's features are sown as "features".

    With `classes` it is called with y [n] after x, and `condition` names how it uses them, see
    `jaxgan.nn.conditional.DISCRIMINATOR`.

    Source: Zhang et al. 2019, Fixup Initialization: Residual Learning Without Normalization.

    Raises:
      ValueError: a number out of range, or an unknown condition.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> ResidualMLPDiscriminator().init_with_output(jax.random.key(0), jnp.zeros((3, 2)), train=True)[0].shape
      (3,)
    """

    width: int = 128
    blocks: int = 3
    dtype: Any = None
    spectral_norm: bool = False
    classes: int = 0
    condition: str = "projection"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fields(self)
        conditional.check_condition(self, conditional.DISCRIMINATOR)

    @nn.compact
    def __call__(
        self, x: Float[Array, "n ..."], y: Shaped[Array, "n ..."] | None = None, *, train: bool
    ) -> Float[Array, " n"] | dict[str, Float[Array, "n ..."]]:
        layer = spectrally_normalized(self.spectral_norm, train=train)
        condition = conditional.condition_of(self, y, x)
        x = conditional.inputs(condition, x.reshape(x.shape[0], math.prod(x.shape[1:])))
        x = layer(nn.Dense(self.width, dtype=self.dtype, name="first"))(x)
        x = nn.relu(branches(x, self.blocks, wrap=layer, zero=not self.spectral_norm, dtype=self.dtype))
        self.sow("intermediates", "features", x)
        logits = at_least_float32(layer(nn.Dense(1, dtype=self.dtype, name="last"))(x).reshape(x.shape[0]))
        return conditional.outputs(condition, x, logits, layer, dtype=self.dtype)
