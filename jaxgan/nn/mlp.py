"""Multi-layer perceptrons for points in the plane, and for anything without a shape to exploit."""

import math
from collections.abc import Sequence

import flax.linen as nn

from jaxgan.types import Array


class MLPGenerator(nn.Module):
    """z [n, d] -> x [n, features]: ReLU layers and a linear output.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> MLPGenerator(2).init_with_output(jax.random.key(0), jnp.zeros((3, 8)), train=False)[0].shape
      (3, 2)
    """

    features: int
    hidden: Sequence[int] = (128, 128)

    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> Array:
        del train
        for width in self.hidden:
            z = nn.relu(nn.Dense(width)(z))
        return nn.Dense(self.features)(z)


class MLPDiscriminator(nn.Module):
    """x [n, ...] -> logits [n]: the example flattened, ReLU layers and a linear output."""

    hidden: Sequence[int] = (128, 128)

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        del train
        x = x.reshape(x.shape[0], math.prod(x.shape[1:]))
        for width in self.hidden:
            x = nn.relu(nn.Dense(width)(x))
        return nn.Dense(1)(x).reshape(x.shape[0])
