"""The networks of InfoGAN (Chen et al. 2016) on which Lucic et al. 2018 compare losses, for 8 to 256 pixels.

The layers are those of their code (google/compare_gan, branch v1): two convolutions of stride 2 and two dense layers in
each player, a bias in every layer, even before BatchNorm, LeakyReLU(0.2) in both players, BatchNorm with an epsilon of
1e-3 and a decay of 0.999, and weights from N(0, 0.02), truncated at two standard deviations for convolutions. Their
latents are uniform on (-1, 1), and their images are in [0, 1].
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
from jaxtyping import Float, Shaped

from jaxgan.nn import conditional
from jaxgan.nn.conv import conv_general_dilated
from jaxgan.nn.fields import check_fields, side_of
from jaxgan.nn.layers import ConvTranspose, at_least_float32, spectrally_normalized
from jaxgan.types import Array

_init = nn.initializers.normal(0.02)
_conv_init = nn.initializers.truncated_normal(0.02)
_leaky_relu = partial(nn.leaky_relu, negative_slope=0.2)
_KERNEL, _STRIDES = (4, 4), (2, 2)
_DENSE = 16  # times the width: 1,024 features at 64


def quarter_of(size: int) -> int:
    """The size at which the generator starts: a quarter of the image size, in pixels.

    Raises:
      ValueError: a size that is not a multiple of 4 from 8 to 256, with the nearest ones.

    Example:
      >>> quarter_of(28), quarter_of(32)
      (7, 8)
    """
    if 8 <= size <= 256 and size % 4 == 0:
        return size // 4
    lower = min(max(size // 4 * 4, 8), 252)
    raise ValueError(f"InfoGAN's networks make images of 8, 12, 16 and so on to 256 pixels, got {size}; the nearest "
                     f"are {lower} and {lower + 4}")  # fmt: skip


class InfoGANGenerator(nn.Module):
    """z [n, d] -> images [n, size, size, channels] in (low, high), by two dense layers and two transposed convolutions.

    `value_range` is (low, high): the output is low + (high - low) sigmoid(a), by default 2 sigmoid(a) - 1, in (-1, 1)
    like the data of this library; Lucic et al. use (0, 1). `width` is the number of channels before the last
    layer, `momentum` the decay of BatchNorm's running averages. `dtype` is the type of the computation, as in flax
    (None: that of the parameters); results are float32 or wider.

    With `classes` it is called with y [n] after z, and `condition` names how it uses them, see
    `jaxgan.nn.conditional.GENERATOR`.

    Source: Lucic et al. 2018, Are GANs Created Equal? A Large-Scale Study, and its code.

    Raises:
      ValueError: a number out of range, or a range whose ends are out of order; when called, a size that is not a
        multiple of 4 from 8 to 256.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> x, _ = InfoGANGenerator(28, 1, width=4).init_with_output(jax.random.key(0), jnp.zeros((2, 64)), train=True)
      >>> x.shape
      (2, 28, 28, 1)
    """

    size: int
    channels: int
    width: int = 64
    value_range: tuple[float, float] = (-1.0, 1.0)
    momentum: float = 0.999
    dtype: Any = None
    classes: int = 0
    condition: str = "embedding+batch_norm"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fields(self)
        conditional.check_condition(self, conditional.GENERATOR["infogan"])
        low, high = self.value_range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"value_range must be two finite numbers, the lower one first, got {self.value_range}")

    @nn.compact
    def __call__(
        self, z: Float[Array, "n d"], y: Shaped[Array, "n ..."] | None = None, *, train: bool
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        condition = conditional.condition_of(self, y, z)
        norm = partial(conditional.batch_norm, condition, use_running_average=not train, momentum=self.momentum,
                       epsilon=1e-3, dtype=self.dtype)  # fmt: skip
        like: dict[str, Any] = {"kernel_init": _init, "dtype": self.dtype}
        base, wide = quarter_of(self.size), 2 * self.width
        x = conditional.latents(condition, z)
        x = _leaky_relu(norm(nn.Dense(_DENSE * self.width, **like)(x)))
        x = _leaky_relu(norm(nn.Dense(wide * base**2, **like)(x))).reshape(-1, base, base, wide)
        x = _leaky_relu(norm(ConvTranspose(self.width, _KERNEL, _STRIDES, **like)(x)))
        x = at_least_float32(ConvTranspose(self.channels, _KERNEL, _STRIDES, **like)(x))
        low, high = self.value_range
        return low + (high - low) * nn.sigmoid(x)


class InfoGANDiscriminator(nn.Module):
    """Images [n, size, size, channels] -> logits [n], by two convolutions and two dense layers.

    `width` is the number of channels after the first layer, `momentum` and `dtype` are as in the generator. Without
    `batch_norm`, as in half of Lucic et al.'s settings, an example's logit does not depend on other examples.
    `spectral_norm` is as in `DCGANDiscriminator`. The last layer's features are sown as "features".

    With `classes` it is called with y [n] after x, and `condition` names how it uses them, see
    `jaxgan.nn.conditional.DISCRIMINATOR`.

    Source: Lucic et al. 2018, Are GANs Created Equal? A Large-Scale Study, and its code.

    Raises:
      ValueError: a number out of range; when called, images that are not square or of a size that is not a multiple of
        4 from 8 to 256.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> x = jnp.zeros((2, 28, 28, 1))
      >>> InfoGANDiscriminator(width=4).init_with_output(jax.random.key(0), x, train=True)[0].shape
      (2,)
    """

    width: int = 64
    momentum: float = 0.999
    dtype: Any = None
    batch_norm: bool = True
    spectral_norm: bool = False
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

        def norm(x: Float[Array, "n *size c"]) -> Float[Array, "n *size c"]:
            if not self.batch_norm:
                return x
            return nn.BatchNorm(not train, momentum=self.momentum, epsilon=1e-3, dtype=self.dtype)(x)

        def conv(features: int) -> Callable[[Array], Array]:
            return layer(nn.Conv(features, _KERNEL, _STRIDES, kernel_init=_conv_init, dtype=self.dtype,
                                 conv_general_dilated=conv_general_dilated))  # fmt: skip

        quarter_of(side_of(x))
        condition = conditional.condition_of(self, y, x)
        like: dict[str, Any] = {"kernel_init": _init, "dtype": self.dtype}
        x = _leaky_relu(conv(self.width)(conditional.inputs(condition, x)))
        x = _leaky_relu(norm(conv(2 * self.width)(x))).reshape(x.shape[0], -1)
        x = _leaky_relu(norm(layer(nn.Dense(_DENSE * self.width, **like))(x)))
        self.sow("intermediates", "features", x)
        logits = at_least_float32(layer(nn.Dense(1, **like))(x).reshape(x.shape[0]))
        return conditional.outputs(condition, x, logits, layer, **like)
