"""StyleGAN2's mapping network, from latents to the w that styles are computed from, and the running mean of w."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float, Shaped

from jaxgan.nn.conditional import class_shares
from jaxgan.nn.equalized import EqualizedDense, scaled_leaky_relu, unit_second_moment
from jaxgan.types import Array

LAYERS, LR_MULTIPLIER, DECAY = 8, 0.01, 0.995


class Mapping(nn.Module):
    """x [n, e] -> w [n, features], by 8 layers with a hundredth of the learning rate.

    Source: Karras et al. 2019, A Style-Based Generator Architecture for Generative Adversarial Networks.

    Example:
      >>> Mapping(5).init_with_output(jax.random.key(0), jnp.ones((2, 3)))[0].shape
      (2, 5)
    """

    features: int
    layers: int = LAYERS

    @nn.compact
    def __call__(self, x: Float[Array, "n e"]) -> Float[Array, "n {self.features}"]:
        for i in range(self.layers):
            x = scaled_leaky_relu(EqualizedDense(self.features, LR_MULTIPLIER, name=f"layer_{i}")(x))
        return x


class EmbeddedClasses(nn.Module):
    """Classes y [n] -> vectors of length sqrt(features), from an affine map of one-hot classes; packs y [n, m] jointly.

    Source: the label embedding of stylegan2-ada-pytorch (Karras et al. 2020, Training Generative Adversarial Networks
    with Limited Data).

    Example:
      >>> EmbeddedClasses(10, 3).init_with_output(jax.random.key(0), jnp.array([7, 0]))[0].shape
      (2, 3)
    """

    classes: int
    features: int

    @nn.compact
    def __call__(self, y: Shaped[Array, " n *pack"]) -> Float[Array, "n {self.features}"]:
        return unit_second_moment(EqualizedDense(self.features)(class_shares(y, self.classes, jnp.result_type(float))))


class LatentMapping(nn.Module):
    """(z [n, d], y) -> (w [n, features], the running mean of w); `features` None: as many as z has.

    z is normalized to length sqrt(d) and joined with the embedded classes, if there are any. The mean,
    a <- 0.995 a + 0.005 mean(w), is updated only in training and is kept in the collection "averages".

    Source: Karras et al. 2019, section B on the mean; `MappingNetwork` of stylegan2-ada-pytorch.

    Example:
      >>> (w, mean), _ = LatentMapping().init_with_output(jax.random.key(0), jnp.ones((2, 3)), train=True)
      >>> w.shape, mean.shape
      ((2, 3), (3,))
    """

    features: int | None = None
    layers: int = LAYERS
    classes: int = 0

    @nn.compact
    def __call__(
        self, z: Float[Array, "n d"], y: Any = None, *, train: bool
    ) -> tuple[Float[Array, "n e"], Float[Array, " e"]]:
        features = self.features or z.shape[-1]
        x = unit_second_moment(z)
        if self.classes:
            x = jnp.concatenate([x, EmbeddedClasses(self.classes, features)(y).astype(x.dtype)], axis=-1)
        w = Mapping(features, self.layers)(x)
        mean = self.variable("averages", "w", jnp.zeros, (features,))
        if train and not self.is_initializing():
            mean.value = DECAY * mean.value + (1 - DECAY) * jax.lax.stop_gradient(jnp.mean(w, axis=0))
        return w, mean.value
