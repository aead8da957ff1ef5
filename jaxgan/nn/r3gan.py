"""The networks of R3GAN (Huang et al. 2024), for square images from 8 to 1024 pixels: ResNets without normalization.

Both players are stacks of grouped bottlenecks, equally many at every size. Their last convolution starts at zero, so
each block starts as the identity; the other weights start smaller the more blocks there are. Between sizes there is a
filter and, if the number of channels changes, a 1 x 1 convolution. Details follow the authors' code (brownvc/R3GAN).
"""

import math
from functools import partial
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Float, Shaped

from jaxgan.checks import check_count
from jaxgan.nn import conditional
from jaxgan.nn.conditional import ClassEmbedding
from jaxgan.nn.conv import conv_general_dilated
from jaxgan.nn.fields import check_fields, side_of
from jaxgan.nn.layers import at_least_float32
from jaxgan.nn.pyramid import channels_at, downsample, upsample
from jaxgan.types import Array, Images

BASE, MOST, BLOCKS, GROUP = 24576, 768, 2, 16
_EXPANSION = 2
_GAIN = math.sqrt(2 / (1 + 0.2**2))  # keeps the second moment through LeakyReLU(0.2)
_ORDER = 3  # convolutions in a block


def _conv(features: int, inputs: int, size: int = 1, groups: int = 1, gain: float = 1.0, **options: Any) -> nn.Conv:
    """A convolution that keeps the size, with weights from N(0, gain^2 / fan-in)."""
    init = nn.initializers.normal(gain / math.sqrt(size * size * inputs / groups)) if gain else nn.initializers.zeros
    return nn.Conv(
        features, (size, size), padding=((size // 2, size // 2),) * 2, feature_group_count=groups, kernel_init=init,
        conv_general_dilated=conv_general_dilated, **options
    )  # fmt: skip


class Bottleneck(nn.Module):
    """x + narrow(leaky(grouped(leaky(wide(x))))): 1 x 1, grouped 3 x 3 and 1 x 1, with twice the channels inside.

    `group` is the number of channels in each group of the 3 x 3 convolution (at most all); LeakyReLU(0.2) follows a
    bias. Weights start with gain sqrt(2 / (1 + 0.2^2)) depth^(-1/4), with `depth` the number of blocks in the whole
    network; the last weights start at 0.

    Source: Huang et al. 2024, The GAN is dead; long live the GAN!, section 4 (config E); initialization: Zhang et al.
    2019, Fixup Initialization.

    Raises:
      ValueError: when called, a group below 1 or one that does not divide the channels inside.

    Example:
      >>> import jax
      >>> x = jnp.ones((2, 4, 4, 8))
      >>> y, _ = Bottleneck(depth=4).init_with_output(jax.random.key(0), x)
      >>> bool((y == x).all())
      True
    """

    depth: int
    group: int = GROUP
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Images) -> Images:
        check_count("group", self.group)
        channels, within = x.shape[-1], _EXPANSION * x.shape[-1]
        group = min(self.group, within)
        if within % group:
            raise ValueError(f"a group of {group} does not divide {within} channels, {_EXPANSION} times the width")
        gain = _GAIN * self.depth ** (-1 / (2 * _ORDER - 2))
        conv = partial(_conv, dtype=self.dtype)
        y = nn.leaky_relu(conv(within, channels, gain=gain, name="wide")(x), 0.2)
        y = nn.leaky_relu(conv(within, within, 3, within // group, gain, name="grouped")(y), 0.2)
        return x + conv(channels, within, gain=0.0, use_bias=False, name="narrow")(y)


class R3GANGenerator(nn.Module):
    """z [n, d] -> images [n, size, size, channels] of unbounded range: train it on images in [-1, 1].

    It starts from a learned 4 x 4 image times a linear map of z. There are `blocks` bottlenecks and `channel_base` / r
    channels at each size r, at most `channel_max`; `width` instead sets the number at the full size. `group` is that of
    `Bottleneck`. `dtype` is the type of the computation; results are float32 or wider. With `classes` it is
    called with y [n] after z, and a learned vector for the class, as long as z, is joined to z.

    The defaults are the presets of the authors' code for CIFAR-10 (32 pixels) and FFHQ (64, 256), with 64 latents;
    those for ImageNet have 1536 channels at every size, in groups of 32.

    Source: Huang et al. 2024, The GAN is dead; long live the GAN! A Modern GAN Baseline.

    Raises:
      ValueError: a number out of range; when called, a size that is not a power of two from 8 to 1024, or a group that
        does not divide.

    Example:
      >>> import jax
      >>> z = jnp.ones((2, 64))
      >>> R3GANGenerator(16, 3, width=8).init_with_output(jax.random.key(0), z, train=True)[0].shape
      (2, 16, 16, 3)
    """

    size: int
    channels: int
    width: int | None = None
    blocks: int = BLOCKS
    group: int = GROUP
    channel_base: int = BASE
    channel_max: int = MOST
    dtype: Any = None
    classes: int = 0
    condition: str = "embedding"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fields(self)
        conditional.check_condition(self, conditional.GENERATOR["r3gan"])

    @nn.compact
    def __call__(
        self, z: Float[Array, "n d"], y: Shaped[Array, "n ..."] | None = None, *, train: bool
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        condition = conditional.condition_of(self, y, z)
        widths = channels_at(self.size, self.channel_base, self.channel_max, self.width)
        if condition.ways:
            init = nn.initializers.normal(1 / math.sqrt(self.classes))
            vectors = ClassEmbedding(self.classes, z.shape[-1], init, name="embedding")(condition.y)
            z = jnp.concatenate([z, vectors.astype(z.dtype)], axis=-1)
        basis = self.param("basis", nn.initializers.normal(1.0), (4, 4, widths[4]))
        init = nn.initializers.normal(1 / math.sqrt(z.shape[-1]))
        scale = nn.Dense(widths[4], use_bias=False, kernel_init=init, dtype=self.dtype, name="linear")(z)
        x = basis.astype(scale.dtype)[None] * scale[:, None, None, :]
        for size, width in widths.items():
            if x.shape[-1] != width:
                x = _conv(width, x.shape[-1], use_bias=False, dtype=self.dtype, name=f"up_{size}")(x)
            x = x if size == 4 else upsample(x)
            x = _blocks(self, len(widths), size, x)
        to_image = _conv(self.channels, x.shape[-1], use_bias=False, dtype=self.dtype, name="to_image")
        return at_least_float32(to_image(x))


class R3GANDiscriminator(nn.Module):
    """Images [n, size, size, channels] -> logits [n]; the mirror image of the generator, with the same fields.

    It ends in a depthwise 4 x 4 convolution, which gives one number for each channel, and a linear map. These numbers
    are sown as "features". With `classes` it is called with y [n] after x, and the logit is the inner product of a
    linear map of the features with a learned vector for the class.

    Source: Huang et al. 2024, The GAN is dead; long live the GAN! A Modern GAN Baseline.

    Raises:
      ValueError: a number out of range; when called, images that are not square or whose size is not a power of two
        from 8 to 1024, or a group that does not divide.

    Example:
      >>> import jax
      >>> x = jnp.ones((2, 16, 16, 3))
      >>> R3GANDiscriminator(width=8).init_with_output(jax.random.key(0), x, train=True)[0].shape
      (2,)
    """

    width: int | None = None
    blocks: int = BLOCKS
    group: int = GROUP
    channel_base: int = BASE
    channel_max: int = MOST
    dtype: Any = None
    classes: int = 0
    condition: str = "projection"

    CONDITIONS: ClassVar = {"projection": conditional.DISCRIMINATOR["projection"]}

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fields(self)
        conditional.check_condition(self, self.CONDITIONS)

    @nn.compact
    def __call__(
        self, x: Float[Array, "n size size c"], y: Shaped[Array, "n ..."] | None = None, *, train: bool
    ) -> Float[Array, " n"]:
        condition = conditional.condition_of(self, y, x)
        widths = channels_at(side_of(x), self.channel_base, self.channel_max, self.width)
        x = _conv(widths[x.shape[1]], x.shape[-1], use_bias=False, dtype=self.dtype, name="from_image")(x)
        for size in sorted(widths, reverse=True):
            x = _blocks(self, len(widths), size, x)
            after = widths.get(size // 2, x.shape[-1])
            x = downsample(x) if size > 4 else x
            if x.shape[-1] != after:
                x = _conv(after, x.shape[-1], use_bias=False, dtype=self.dtype, name=f"down_{size}")(x)
        basis = self.param("basis", nn.initializers.normal(1 / 4), x.shape[1:])
        x = jnp.einsum("nhwc,hwc->nc", x, basis.astype(x.dtype))
        self.sow("intermediates", "features", x)
        out = widths[4] if condition.ways else 1
        init = nn.initializers.normal(1 / math.sqrt(widths[4]))
        x = at_least_float32(nn.Dense(out, use_bias=False, kernel_init=init, dtype=self.dtype, name="linear")(x))
        if not condition.ways:
            return x[:, 0]
        init = nn.initializers.normal(1 / math.sqrt(self.classes * out))
        return jnp.sum(x * ClassEmbedding(self.classes, out, init, name="embedding")(condition.y), axis=-1)


def _blocks(network: Any, stages: int, size: int, x: Images) -> Images:
    """The bottlenecks of one size."""
    for i in range(network.blocks):
        block = Bottleneck(network.blocks * stages, network.group, network.dtype, name=f"block_{size}_{i}")
        x = block(x)
    return x
