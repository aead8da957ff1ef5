"""Multi-layer perceptrons for points, and for data without a spatial structure."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
from jaxtyping import Float, Shaped

from jaxgan.nn import conditional
from jaxgan.nn.fields import check_fields
from jaxgan.nn.layers import at_least_float32, spectrally_normalized
from jaxgan.types import Array


class MLPGenerator(nn.Module):
    """z [n, d] -> x [n, features]: ReLU layers and a linear output.

    `dtype` is the type of the computation, as in flax (None: that of the parameters); results are float32 or wider.

    With `classes` it is called with y [n] after z, and `condition` names how it uses them, see
    `jaxgan.nn.conditional.GENERATOR`.

    Raises:
      ValueError: a number out of range, or an unknown condition.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> MLPGenerator(2).init_with_output(jax.random.key(0), jnp.zeros((3, 8)), train=False)[0].shape
      (3, 2)
    """

    features: int
    hidden: Sequence[int] = (128, 128)
    dtype: Any = None
    classes: int = 0
    condition: str = "embedding"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fields(self)
        conditional.check_condition(self, conditional.GENERATOR["mlp"])

    @nn.compact
    def __call__(
        self, z: Float[Array, "n d"], y: Shaped[Array, "n ..."] | None = None, *, train: bool
    ) -> Float[Array, "n {self.features}"]:
        del train
        z = conditional.latents(conditional.condition_of(self, y, z), z)
        for width in self.hidden:
            z = nn.relu(nn.Dense(width, dtype=self.dtype)(z))
        return at_least_float32(nn.Dense(self.features, dtype=self.dtype)(z))


class MLPDiscriminator(nn.Module):
    """x [n, ...] -> logits [n]: the flattened example, ReLU layers and a linear output.

    `spectral_norm` divides every kernel by its largest singular value (Miyato et al. 2018). `minibatch` is applied to
    the last layer's features [n, f], for example `MinibatchDiscrimination()`, whose kernel is not normalized. The
    features are sown as "features".

    With `classes` it is called with y [n] after x, and `condition` names how it uses them, see
    `jaxgan.nn.conditional.DISCRIMINATOR`; with "classifier" it returns `logits` and `class_logits` [n, classes].

    Raises:
      ValueError: a number out of range, or an unknown condition.

    Example:
      >>> import jax
      >>> x = jax.ShapeDtypeStruct((4, 2), "float32")
      >>> init = lambda x: MLPDiscriminator((16,)).init_with_output(jax.random.key(0), x, train=True)
      >>> jax.eval_shape(init, x)[0].shape
      (4,)
    """

    hidden: Sequence[int] = (128, 128)
    dtype: Any = None
    spectral_norm: bool = False
    minibatch: Callable[[Float[Array, "n f"]], Float[Array, "n g"]] | None = None
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
        for width in self.hidden:
            x = nn.relu(layer(nn.Dense(width, dtype=self.dtype))(x))
        self.sow("intermediates", "features", x)
        if self.minibatch is not None:
            x = self.minibatch(x)
        logits = at_least_float32(layer(nn.Dense(1, dtype=self.dtype))(x).reshape(x.shape[0]))
        return conditional.outputs(condition, x, logits, layer, dtype=self.dtype)
