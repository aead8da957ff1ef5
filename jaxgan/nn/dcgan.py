"""The DCGAN pair of Radford et al. 2016, for square images from 8 to 128 pixels and any number of channels.

Strided convolutions instead of pooling, BatchNorm except at the generator's output and the discriminator's input,
no fully connected hidden layer, ReLU in the generator with tanh at the end, LeakyReLU(0.2) in the discriminator,
weights from N(0, 0.02). Kernels are 4 x 4, which the stride divides, so all pixels are written equally often.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
from jaxtyping import Float, Shaped

from jaxgan.nn import conditional
from jaxgan.nn.conv import conv_general_dilated
from jaxgan.nn.fields import check_fields, side_of
from jaxgan.nn.layers import ConvTranspose, at_least_float32, spectrally_normalized
from jaxgan.types import Array, Images

_init = nn.initializers.normal(0.02)
_Conv = partial(nn.Conv, kernel_init=_init, use_bias=False, conv_general_dilated=conv_general_dilated, strides=(2, 2))
_ConvTranspose = partial(ConvTranspose, kernel_init=_init, strides=(2, 2))
_leaky_relu = partial(nn.leaky_relu, negative_slope=0.2)
_KERNEL = (4, 4)


def base_size(size: int) -> tuple[int, int]:
    """The base size rule: an image of `size` pixels is a small base doubled `stages` times.

    The base has 4 to 7 pixels: 64 = 4 * 2^4, 28 = 7 * 2^2. Images of 8 and 12 pixels start from 2 and 3, to
    have two stages: with one, as at 10 and 14 pixels, the discriminator has a single layer. Returns (base, stages).

    Raises:
      ValueError: a size without such a base, with the nearest valid sizes.

    Example:
      >>> base_size(64), base_size(28), base_size(8)
      ((4, 4), (7, 2), (2, 2))
    """
    if size in SIZES:
        return SIZES[size]
    nearest = sorted(sorted(SIZES, key=lambda other: (abs(other - size), other))[:2])
    raise ValueError(
        "a DCGAN makes images of 8 to 128 pixels that are 4, 5, 6 or 7 times a power of two; "
        f"got {size}, the nearest are {' and '.join(map(str, nearest))}"
    )


SIZES = {
    base * 2**stages: (base, stages)
    for base in (4, 5, 6, 7)
    for stages in (1, 2, 3, 4, 5)
    if 8 <= base * 2**stages <= 128
} | {8: (2, 2), 12: (3, 2)}


class DCGANGenerator(nn.Module):
    """z [n, d] -> images [n, size, size, channels] in (-1, 1).

    `width` is the number of channels before the last layer; it doubles with every halving of the image. `dtype` is the
    type of the computation, as in flax (None: that of the parameters); results are float32 or wider.

    With `classes` it is called with y [n] after z, and `condition` names how it uses them, see
    `jaxgan.nn.conditional.GENERATOR`.

    Raises:
      ValueError: a number out of range, or an unknown condition.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> x, _ = DCGANGenerator(28, 1).init_with_output(jax.random.key(0), jnp.zeros((2, 64)), train=True)
      >>> x.shape
      (2, 28, 28, 1)
    """

    size: int
    channels: int
    width: int = 64
    dtype: Any = None
    classes: int = 0
    condition: str = "embedding+batch_norm"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fields(self)
        conditional.check_condition(self, conditional.GENERATOR["dcgan"])

    @nn.compact
    def __call__(
        self, z: Float[Array, "n d"], y: Shaped[Array, "n ..."] | None = None, *, train: bool
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        condition = conditional.condition_of(self, y, z)
        norm = partial(conditional.batch_norm, condition, use_running_average=not train, momentum=0.9, dtype=self.dtype)
        base, stages = base_size(self.size)
        features = self.width * 2 ** (stages - 1)
        # The projection of z is a transposed convolution of a 1 x 1 image, which is a matrix product.
        z = conditional.latents(condition, z)
        x = nn.Dense(base * base * features, use_bias=False, kernel_init=_init, dtype=self.dtype)(z)
        x = nn.relu(norm(x.reshape(-1, base, base, features)))
        for stage in reversed(range(stages - 1)):
            x = _ConvTranspose(self.width * 2**stage, _KERNEL, use_bias=False, dtype=self.dtype)(x)
            x = nn.relu(norm(x))
        return nn.tanh(at_least_float32(_ConvTranspose(self.channels, _KERNEL, dtype=self.dtype)(x)))


class DCGANDiscriminator(nn.Module):
    """Images [n, size, size, channels] -> logits [n].

    `width` is the number of channels after the first layer; it doubles with every halving of the image. `dtype` is
    as in the generator. Without `batch_norm` an example's logit does not depend on other examples, as gradient
    penalties require. `spectral_norm` divides every kernel by its largest singular value (Miyato et al. 2018); flax
    also does this once at initialization, where kernels then are larger than N(0, 0.02), with the same output.
    `minibatch` is applied to the last layer's features [n, f], for example `MinibatchDiscrimination()`, whose kernel is
    not normalized. The features are sown as "features".

    With `classes` it is called with y [n] after x, and `condition` names how it uses them, see
    `jaxgan.nn.conditional.DISCRIMINATOR`; with "classifier" it returns `logits` and `class_logits` [n, classes].

    Raises:
      ValueError: a number out of range, or an unknown condition; when called, images that are not square.

    Example:
      >>> import jax
      >>> x = jax.ShapeDtypeStruct((4, 32, 32, 3), "float32")
      >>> init = lambda x: DCGANDiscriminator(width=16).init_with_output(jax.random.key(0), x, train=True)
      >>> jax.eval_shape(init, x)[0].shape
      (4,)
    """

    width: int = 64
    dtype: Any = None
    batch_norm: bool = True
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
        self, x: Float[Array, "n size size c"], y: Shaped[Array, "n ..."] | None = None, *, train: bool
    ) -> Float[Array, " n"] | dict[str, Float[Array, "n ..."]]:
        layer = spectrally_normalized(self.spectral_norm, train=train)

        def norm(x: Images) -> Images:
            if not self.batch_norm:
                return x
            return nn.BatchNorm(use_running_average=not train, momentum=0.9, dtype=self.dtype)(x)

        condition = conditional.condition_of(self, y, x)
        _, stages = base_size(side_of(x))
        x = conditional.inputs(condition, x)
        x = _leaky_relu(layer(_Conv(self.width, _KERNEL, use_bias=True, dtype=self.dtype))(x))
        for stage in range(1, stages):
            conv = _Conv(self.width * 2**stage, _KERNEL, use_bias=not self.batch_norm, dtype=self.dtype)
            x = _leaky_relu(norm(layer(conv)(x)))
        # The last layer's kernel covers the whole base, so it is a matrix product.
        x = x.reshape(x.shape[0], -1)
        self.sow("intermediates", "features", x)
        if self.minibatch is not None:
            x = self.minibatch(x)
        logits = at_least_float32(layer(nn.Dense(1, kernel_init=_init, dtype=self.dtype))(x).reshape(x.shape[0]))
        return conditional.outputs(condition, x, logits, layer, kernel_init=_init, dtype=self.dtype)
