"""The residual networks of SNGAN (Miyato et al. 2018), for images of 16, 32 and 48 pixels.

32 pixels: the authors' code for CIFAR-10 (pfnet-research/sngan_projection), with nearest-neighbour doubling, sums over
pixels at the end, and no bias in the last layer of the discriminator. 48 pixels: the paper's table for STL-10, for
which the authors published no code; widths and biases follow mimicry (kwotsin/mimicry), which doubles by bilinear
interpolation, whereas this network uses nearest neighbours as at 32. 16 pixels: the networks for 32 with one block less
each, for small studies. Kernels start with uniform Glorot initialization, those of residual branches sqrt(2) times as
large. BatchNorm has Chainer's epsilon of 2e-5 and decay of 0.9.
"""

from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Float, Shaped

from jaxgan.nn import conditional
from jaxgan.nn.fields import check_fields, side_of
from jaxgan.nn.layers import at_least_float32, spectrally_normalized
from jaxgan.nn.resnet import Convolutions, down_block, first_block, form_for, glorot, no_norm, up_block
from jaxgan.types import Array


class Form(NamedTuple):
    """The layout of both networks for one image size; channels are multiples of the width."""

    base: int  # pixels a side at which the generator starts
    generator: tuple[int, ...]  # channels at the base and after every block
    g_width: int
    discriminator: tuple[int, ...]  # channels after every block
    d_width: int
    halvings: int  # number of blocks that halve the image, counted from the first
    last_bias: bool


FORMS = {
    16: Form(4, (1, 1, 1), 256, (1, 1, 1), 128, 2, False),
    32: Form(4, (1, 1, 1, 1), 256, (1, 1, 1, 1), 128, 2, False),
    48: Form(6, (8, 4, 2, 1), 64, (1, 2, 4, 8, 16), 64, 4, True),
}
form_of = partial(form_for, forms=FORMS, network="an SNGAN")
"""The layout for an image size; a ValueError names the available sizes."""


class SNGANGenerator(nn.Module):
    """z [n, d] -> images [n, size, size, channels] in (-1, 1), by residual blocks that double the image.

    `width` is the number of channels before the last layer; None: the published one, 256 at 32 pixels, 64 at 48.
    `dtype` is the type of the computation, as in flax (None: that of the parameters); results are float32 or wider.

    With `classes` it is called with y [n] after z, and `condition` names how it uses them, see
    `jaxgan.nn.conditional.GENERATOR`. The last BatchNorm has no classes, as in the authors' code.

    Source: Miyato et al. 2018, Spectral Normalization for Generative Adversarial Networks, tables 3 and 4.

    Raises:
      ValueError: a number out of range; when called, a size other than 16, 32 or 48.

    Example:
      >>> import jax
      >>> generator, z = SNGANGenerator(16, 3, width=4), jnp.zeros((2, 8))
      >>> jax.eval_shape(lambda: generator.init_with_output(jax.random.key(0), z, train=True)[0]).shape
      (2, 16, 16, 3)
    """

    size: int
    channels: int
    width: int | None = None
    dtype: Any = None
    classes: int = 0
    condition: str = "batch_norm"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fields(self)
        conditional.check_condition(self, conditional.GENERATOR["sngan"])

    @nn.compact
    def __call__(
        self, z: Float[Array, "n d"], y: Shaped[Array, "n ..."] | None = None, *, train: bool
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        form, condition = form_of(self.size), conditional.condition_of(self, y, z)
        options: dict[str, Any] = {"use_running_average": not train, "momentum": 0.9, "epsilon": 2e-5}
        norm = partial(conditional.batch_norm, condition, dtype=self.dtype, **options)
        conv = Convolutions(lambda module: module, self.dtype)
        first, *widths = ((form.g_width if self.width is None else self.width) * times for times in form.generator)
        z = conditional.latents(condition, z)
        x = nn.Dense(form.base**2 * first, kernel_init=glorot, dtype=self.dtype, name="first")(z)
        x = x.reshape(-1, form.base, form.base, first)
        for i, features in enumerate(widths):
            x = up_block(conv, norm, x, features, f"block_{i}")
        x = nn.relu(nn.BatchNorm(dtype=self.dtype, name="last_norm", **options)(x))
        return nn.tanh(at_least_float32(conv.last(x, self.channels, "last")))


class SNGANDiscriminator(nn.Module):
    """Images [n, size, size, channels] -> logits [n], by residual blocks; the first ones halve the image.

    `width` is the number of channels after the first block; None: the published one, 128 at 32 pixels, 64 at 48.
    `dtype` is as in the generator. `spectral_norm` divides every kernel by its largest singular value, with one step of
    power iteration per pass. There is no other normalization, so an example's logit does not depend on other examples.
    The last features, sums over pixels, are sown as "features".

    With `classes` it is called with y [n] after x, and `condition` names how it uses them, see
    `jaxgan.nn.conditional.DISCRIMINATOR`; the authors' is "projection".

    Source: Miyato et al. 2018, as the generator; Miyato and Koyama 2018, cGANs with Projection Discriminator.

    Raises:
      ValueError: a number out of range; when called, images that are not square or of a size other than 16, 32 or 48
        pixels.

    Example:
      >>> import jax
      >>> discriminator, x = SNGANDiscriminator(width=4), jnp.zeros((2, 16, 16, 3))
      >>> jax.eval_shape(lambda: discriminator.init_with_output(jax.random.key(0), x, train=True)[0]).shape
      (2,)
    """

    width: int | None = None
    dtype: Any = None
    spectral_norm: bool = True
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

        form, condition = form_of(side_of(x)), conditional.condition_of(self, y, x)
        conv = Convolutions(layer, self.dtype)
        first, *widths = ((form.d_width if self.width is None else self.width) * times for times in form.discriminator)
        x = first_block(conv, conditional.inputs(condition, x), first, "block_0")
        for i, features in enumerate(widths, 1):
            halve, before = i < form.halvings, x.shape[-1]
            x = down_block(conv, no_norm, x, features, f"block_{i}", halve=halve, hidden=before,
                           projected=halve or features != before)  # fmt: skip
        x = jnp.sum(nn.relu(x), axis=(1, 2))
        self.sow("intermediates", "features", x)
        options: dict[str, Any] = {"kernel_init": glorot, "dtype": self.dtype}
        last = layer(nn.Dense(1, use_bias=form.last_bias, name="last", **options))
        logits = at_least_float32(last(x).reshape(x.shape[0]))
        return conditional.outputs(condition, x, logits, layer, **options)
