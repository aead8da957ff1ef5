"""Multi-layer perceptrons for points in the plane, and for anything without a shape to exploit."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
from jaxtyping import Float

from jaxgan.nn.layers import at_least_float32, spectrally_normalized
from jaxgan.types import Array


class MLPGenerator(nn.Module):
    """z [n, d] -> x [n, features]: ReLU layers and a linear output.

    `dtype` is that of the computation, as in flax (None: that of the parameters); the result is float32 or wider.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> MLPGenerator(2).init_with_output(jax.random.key(0), jnp.zeros((3, 8)), train=False)[0].shape
      (3, 2)
    """

    features: int
    hidden: Sequence[int] = (128, 128)
    dtype: Any = None

    @nn.compact
    def __call__(self, z: Float[Array, "n d"], *, train: bool) -> Float[Array, "n {self.features}"]:
        del train
        for width in self.hidden:
            z = nn.relu(nn.Dense(width, dtype=self.dtype)(z))
        return at_least_float32(nn.Dense(self.features, dtype=self.dtype)(z))


class MLPDiscriminator(nn.Module):
    """x [n, ...] -> logits [n]: the example flattened, ReLU layers and a linear output.

    `spectral_norm` divides every kernel by its largest singular value (Miyato et al. 2018). `minibatch` is applied to
    the last layer's features [n, f], for example `MinibatchDiscrimination()`, whose kernel stays as it is. The features
    are sown as "features".
    """

    hidden: Sequence[int] = (128, 128)
    dtype: Any = None
    spectral_norm: bool = False
    minibatch: Callable[[Float[Array, "n f"]], Float[Array, "n g"]] | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "n ..."], *, train: bool) -> Float[Array, " n"]:
        def dense(width: int) -> Callable[[Array], Array]:
            return spectrally_normalized(nn.Dense(width, dtype=self.dtype), self.spectral_norm, train=train)

        x = x.reshape(x.shape[0], math.prod(x.shape[1:]))
        for width in self.hidden:
            x = nn.relu(dense(width)(x))
        self.sow("intermediates", "features", x)
        if self.minibatch is not None:
            x = self.minibatch(x)
        return at_least_float32(dense(1)(x).reshape(x.shape[0]))
