"""The residual networks of WGAN-GP (Gulrajani et al. 2017), for images of 16, 32, 64 and 128 pixels.

32 pixels: the authors' code for CIFAR-10 (igul222/improved_wgan_training, gan_cifar_resnet.py), whose blocks and
kernels SNGAN adopted: nearest-neighbour doubling, halving by averaging, no norm in the first block of the critic, and a
mean over pixels before its last layer. Other sizes have more or fewer blocks that double or halve the image.
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Float, Shaped

from jaxgan.nn import conditional
from jaxgan.nn.fields import check_fields, side_of
from jaxgan.nn.layers import at_least_float32, spectrally_normalized
from jaxgan.nn.resnet import Convolutions, down_block, first_block, form_for, glorot, no_norm, up_block
from jaxgan.types import Array, Images

SIZES = {16: 2, 32: 3, 64: 4, 128: 5}
"""The number of doublings from 4 x 4 pixels in the generator, by image size."""
doublings_of = partial(form_for, forms=SIZES, network="a WGAN-GP ResNet")
_AT_ONE_SIZE = 2  # blocks at the end of the critic that keep the size


class WGANGPGenerator(nn.Module):
    """z [n, d] -> images [n, size, size, channels] in (-1, 1), by residual blocks that double the image.

    `width` is the number of channels everywhere. `dtype` is the type of the computation, as in flax (None: that of the
    parameters); results are float32 or wider.

    With `classes` it is called with y [n] after z, and `condition` names how it uses them, see
    `jaxgan.nn.conditional.GENERATOR`. The last BatchNorm has no classes, as in the authors' code.

    Source: Gulrajani et al. 2017, Improved Training of Wasserstein GANs, and the authors' code.

    Raises:
      ValueError: a number out of range; when called, a size other than 16, 32, 64 or 128.

    Example:
      >>> import jax
      >>> generator, z = WGANGPGenerator(16, 3, width=4), jnp.zeros((2, 8))
      >>> jax.eval_shape(lambda: generator.init_with_output(jax.random.key(0), z, train=True)[0]).shape
      (2, 16, 16, 3)
    """

    size: int
    channels: int
    width: int = 128
    dtype: Any = None
    classes: int = 0
    condition: str = "batch_norm"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fields(self)
        conditional.check_condition(self, conditional.GENERATOR["wgan_gp_resnet"])

    @nn.compact
    def __call__(
        self, z: Float[Array, "n d"], y: Shaped[Array, "n ..."] | None = None, *, train: bool
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        blocks, condition = doublings_of(self.size), conditional.condition_of(self, y, z)
        options: dict[str, Any] = {"use_running_average": not train, "momentum": 0.9, "epsilon": 1e-5}
        norm = partial(conditional.batch_norm, condition, dtype=self.dtype, **options)
        conv = Convolutions(lambda module: module, self.dtype)
        z = conditional.latents(condition, z)
        x = nn.Dense(4 * 4 * self.width, kernel_init=glorot, dtype=self.dtype, name="first")(z)
        x = x.reshape(-1, 4, 4, self.width)
        for i in range(blocks):
            x = up_block(conv, norm, x, self.width, f"block_{i}")
        x = nn.relu(nn.BatchNorm(dtype=self.dtype, name="last_norm", **options)(x))
        return nn.tanh(at_least_float32(conv.last(x, self.channels, "last")))


class WGANGPDiscriminator(nn.Module):
    """Images [n, size, size, channels] -> scores [n]: the critic, by residual blocks; the first ones halve the image.

    `width` is the number of channels everywhere, `dtype` as in the generator. `layer_norm` normalizes each example
    over all its pixels and channels, with a scale and an offset for each channel, before every ReLU of every block
    except the first. The paper uses it instead of BatchNorm, with which an example's score would depend on others. The
    authors' code for CIFAR-10 has it, but turns it off. `spectral_norm` is as in `SNGANDiscriminator`. The last
    features, means over pixels, are sown as "features".

    With `classes` it is called with y [n] after x, and `condition` names how it uses them, see
    `jaxgan.nn.conditional.DISCRIMINATOR`; the authors' is "classifier".

    Source: Gulrajani et al. 2017, as the generator, section 4 on layer normalization.

    Raises:
      ValueError: a number out of range; when called, images that are not square or of a size other than 16, 32, 64 or
        128 pixels.

    Example:
      >>> import jax
      >>> discriminator, x = WGANGPDiscriminator(width=4), jnp.zeros((2, 16, 16, 3))
      >>> jax.eval_shape(lambda: discriminator.init_with_output(jax.random.key(0), x, train=True)[0]).shape
      (2,)
    """

    width: int = 128
    dtype: Any = None
    layer_norm: bool = True
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

        def norm(x: Images, name: str) -> Images:
            over_example = nn.LayerNorm(1e-5, self.dtype, reduction_axes=(1, 2, 3), feature_axes=-1, name=name)
            return over_example(x) if self.layer_norm else no_norm(x, name)

        halvings, condition = doublings_of(side_of(x)) - 1, conditional.condition_of(self, y, x)
        conv = Convolutions(layer, self.dtype)
        x = first_block(conv, conditional.inputs(condition, x), self.width, "block_0")
        for i in range(1, halvings + _AT_ONE_SIZE):
            halve = i < halvings
            x = down_block(conv, norm, x, self.width, f"block_{i}", halve=halve, hidden=self.width, projected=halve)
        x = jnp.mean(nn.relu(x), axis=(1, 2))
        self.sow("intermediates", "features", x)
        options: dict[str, Any] = {"kernel_init": glorot, "dtype": self.dtype}
        logits = at_least_float32(layer(nn.Dense(1, name="last", **options))(x).reshape(x.shape[0]))
        return conditional.outputs(condition, x, logits, layer, **options)
