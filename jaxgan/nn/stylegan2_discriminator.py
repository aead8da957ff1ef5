"""The discriminator of StyleGAN2 (Karras et al. 2020, configuration F): residual blocks that halve the image."""

import itertools
import math
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Float, Shaped

from jaxgan.nn import conditional
from jaxgan.nn.equalized import EqualizedConv, EqualizedDense, scaled_leaky_relu
from jaxgan.nn.fields import check_fields, side_of
from jaxgan.nn.layers import at_least_float32
from jaxgan.nn.mapping import LAYERS, EmbeddedClasses, Mapping
from jaxgan.nn.minibatch import minibatch_standard_deviation
from jaxgan.nn.pyramid import channels_at
from jaxgan.nn.stylegan2 import BASE, MOST
from jaxgan.types import Array, Images


class ResidualBlock(nn.Module):
    """Images [n, h, w, c] -> [n, h / 2, w / 2, features]: (two 3 x 3 convolutions + a 1 x 1 convolution) / sqrt(2).

    Source: Karras et al. 2020, figure 7 (residual); `DiscriminatorBlock` of stylegan2-ada-pytorch.

    Example:
      >>> import jax
      >>> ResidualBlock(5).init_with_output(jax.random.key(0), jnp.ones((2, 8, 8, 3)))[0].shape
      (2, 4, 4, 5)
    """

    features: int
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Images) -> Float[Array, "n h//2 w//2 {self.features}"]:
        skip = EqualizedConv(self.features, 1, down=True, use_bias=False, dtype=self.dtype, name="skip")(x)
        x = scaled_leaky_relu(EqualizedConv(x.shape[-1], 3, dtype=self.dtype, name="conv")(x))
        x = scaled_leaky_relu(EqualizedConv(self.features, 3, down=True, dtype=self.dtype, name="down")(x))
        return (skip + x) / math.sqrt(2)


class StyleGAN2Discriminator(nn.Module):
    """Images [n, size, size, channels] -> logits [n]; sizes and channels are those of the generator.

    At 4 x 4 the standard deviation over `group` examples is added to the features (None: over the batch; 0: not at
    all), so a logit depends on the other examples of its group; a batch is smaller than `group` or a multiple of it.
    `dtype` is the type of the residual blocks; later layers are float32 or wider. The last features are sown as
    "features". With `classes` it is called with y [n] after x, and the logit is <f, w_y> / sqrt(features), with w_y the
    class through its own mapping network.

    Source: Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN; classes as in Karras et al. 2020,
    Training Generative Adversarial Networks with Limited Data; layers of stylegan2-ada-pytorch.

    Raises:
      ValueError: an unknown condition, or a number out of range; when called, images that are not square or whose size
        is not a power of two from 8 to 1024, or a batch that is no multiple of `group`.

    Example:
      >>> import jax
      >>> discriminator = StyleGAN2Discriminator(width=2)
      >>> discriminator.init_with_output(jax.random.key(0), jnp.ones((4, 16, 16, 3)), train=True)[0].shape
      (4,)
    """

    width: int | None = None
    group: int | None = 4
    mapping_layers: int = LAYERS
    channel_base: int = BASE
    channel_max: int = MOST
    dtype: Any = None
    classes: int = 0
    condition: str = "projection"

    CONDITIONS: ClassVar = {"projection": conditional.DISCRIMINATOR["projection"]}

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fields(self, group=0)
        conditional.check_condition(self, self.CONDITIONS)

    @nn.compact
    def __call__(
        self, x: Float[Array, "n size size c"], y: Shaped[Array, "n ..."] | None = None, *, train: bool
    ) -> Float[Array, " n"]:
        condition = conditional.condition_of(self, y, x)
        widths = channels_at(side_of(x), self.channel_base, self.channel_max, self.width)
        sizes = sorted(widths, reverse=True)
        x = scaled_leaky_relu(EqualizedConv(widths[sizes[0]], 1, dtype=self.dtype, name="from_image")(x))
        for size, half in itertools.pairwise(sizes):
            x = ResidualBlock(widths[half], self.dtype, name=f"block_{size}")(x)
        x = at_least_float32(x)
        if self.group != 0:
            x = minibatch_standard_deviation(x, self.group)
        x = scaled_leaky_relu(EqualizedConv(widths[4], 3, name="conv")(x))
        x = scaled_leaky_relu(EqualizedDense(widths[4], name="dense")(x.reshape(x.shape[0], -1)))
        self.sow("intermediates", "features", x)
        if not condition.ways:
            return EqualizedDense(1, name="out")(x)[:, 0]
        embedded = EmbeddedClasses(condition.classes, widths[4], name="embedding")(condition.y)
        w = Mapping(widths[4], self.mapping_layers, name="mapping")(embedded)
        return jnp.sum(EqualizedDense(widths[4], name="out")(x) * w, axis=-1) / math.sqrt(widths[4])
