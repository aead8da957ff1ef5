"""BigGAN (Brock et al. 2019), for images of 16, 32, 64, 128 and 256 pixels.

From 64 pixels on, channels and the placement of attention follow google/compare_gan (resnet_biggan.py), whose parameter
counts are published. The networks for 32 pixels are those for CIFAR-10 in the authors' own code
(ajbrock/BigGAN-PyTorch), and those for 16 pixels have one block less. Layers follow the authors' code:
nearest-neighbour doubling, BatchNorm scales 1 + W c, no ReLU on the image, sums over pixels at the end, and orthogonal
initial kernels that are divided by their spectral norm in both players, except for the class embedding of the
generator. A discriminator block that keeps its number of channels uses the image itself as the shortcut, as in their
network for 128 pixels (compare_gan has no shortcut there, which needs no parameters either). At 16 and 32 pixels, as in
their code, a shortcut has a 1 x 1 convolution if its block halves the image.
"""

from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Float, Shaped

from jaxgan.nn import conditional
from jaxgan.nn.attention import SelfAttention
from jaxgan.nn.fields import check_fields, side_of
from jaxgan.nn.layers import at_least_float32, orthogonal, spectrally_normalized
from jaxgan.nn.modulated_norm import modulated_by
from jaxgan.nn.resnet import Convolutions, down_block, first_block, form_for, no_norm, up_block
from jaxgan.types import Array, Images


class Form(NamedTuple):
    """The layout of both networks for one image size; channels are multiples of the width."""

    generator: tuple[int, ...]  # at 4 x 4 pixels and after every block; each block doubles the image
    discriminator: tuple[int, ...]  # after every block
    halvings: int  # number of blocks that halve the image, counted from the first
    attention: tuple[int, int] = (0, 0)  # pixels a side at which generator and discriminator have it; 0: none
    projected: bool = False  # whether halving blocks have a 1 x 1 convolution in their shortcut


FORMS = {
    16: Form((4, 4, 4), (4, 4, 4), 2, projected=True),
    32: Form((4, 4, 4, 4), (4, 4, 4, 4), 2, projected=True),
    64: Form((16, 16, 8, 4, 2), (2, 4, 8, 16, 16), 4),
    128: Form((16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16), 5, (64, 64)),
    256: Form((16, 16, 8, 8, 4, 2, 1), (1, 2, 4, 8, 8, 16, 16), 6, (128, 64)),
}
form_of = partial(form_for, forms=FORMS, network="a BigGAN")
"""The layout for an image size; a ValueError names the available sizes."""


class BigGANGenerator(nn.Module):
    """z [n, d] -> images [n, size, size, channels] in (-1, 1).

    With `skip_z` the latent is divided into chunks, one for the first layer and one for each block; if they cannot be
    equal, the first ones are longer by one. With `classes` and the condition "shared_embedding" a learned vector for
    the class, with `embedding` numbers and shared by all layers, is joined to the chunk of every block. These determine
    the scale and offset of both BatchNorms of a block; the last BatchNorm has its own parameters.

    `width` is the number of channels before the last layer from 128 pixels on (half of it at 64, a quarter below).
    `attention` is the number of pixels a side at which self-attention is applied; None: as published, 64 at 128 pixels
    and 128 at 256; 0: nowhere. `spectral_norm` divides every kernel by its largest singular value. `dtype` is the type
    of the computation, as in flax (None: that of the parameters); results are float32 or wider.

    With `classes` it is called with y [n] after z, and `condition` names how it uses them, see
    `jaxgan.nn.conditional.GENERATOR`.

    Source: Brock et al. 2019, Large Scale GAN Training for High Fidelity Natural Image Synthesis, appendix B.

    Raises:
      ValueError: a number out of range; when called, a size other than 16, 32, 64, 128 or 256, attention at a size that
        no block has, or a latent with fewer numbers than chunks.

    Example:
      >>> import jax
      >>> z, y = jnp.zeros((2, 12)), jnp.array([7, 0])
      >>> generator = BigGANGenerator(16, 3, width=4, classes=10)
      >>> jax.eval_shape(lambda: generator.init_with_output(jax.random.key(0), z, y, train=True)[0]).shape
      (2, 16, 16, 3)
    """

    size: int
    channels: int
    width: int = 96
    embedding: int = 128
    skip_z: bool = True
    attention: int | None = None
    spectral_norm: bool = True
    dtype: Any = None
    classes: int = 0
    condition: str = "shared_embedding"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fields(self)
        conditional.check_condition(self, conditional.GENERATOR["biggan"])

    @nn.compact
    def __call__(
        self, z: Float[Array, "n d"], y: Shaped[Array, "n ..."] | None = None, *, train: bool
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        wrap = spectrally_normalized(self.spectral_norm, train=train)
        form, condition = form_of(self.size), conditional.condition_of(self, y, z)
        conv = Convolutions(wrap, self.dtype, orthogonal, orthogonal)
        attended = _attention(self.attention, form.attention[0], [8 << i for i in range(len(form.generator) - 1)])
        widths, *others = (self.width * times for times in form.generator)
        z, codes = _chunks(conditional.latents(condition, z), len(others), self.skip_z)
        by_class = "shared_embedding" in condition.ways
        shared = condition.embedded(z, self.embedding, init=orthogonal) if by_class else None
        x = wrap(nn.Dense(4 * 4 * widths, kernel_init=orthogonal, dtype=self.dtype, name="first"))(z)
        x = x.reshape(-1, 4, 4, widths)
        options: dict[str, Any] = {"use_running_average": not train, "momentum": 0.9, "dtype": self.dtype}
        for i, (features, code) in enumerate(zip(others, codes, strict=True)):
            parts = [part for part in (code, shared) if part is not None]
            norm = modulated_by(parts, wrap=wrap, kernel_init=orthogonal, **options)
            x = up_block(conv, norm, x, features, f"block_{i}")
            if x.shape[1] == attended:
                x = SelfAttention(orthogonal, self.dtype, wrap, name="attention")(x)
        x = nn.relu(nn.BatchNorm(name="last_norm", **options)(x))
        return nn.tanh(at_least_float32(conv.last(x, self.channels, "last")))


class BigGANDiscriminator(nn.Module):
    """Images [n, size, size, channels] -> logits [n].

    `width` is the number of channels after the first block from 128 pixels on (half of it at 64, a quarter below).
    `attention`, `dtype` and `spectral_norm` are as in the generator, except that the published `attention` is 64 at 128
    and at 256 pixels. An example's logit does not depend on other examples. The last features, sums over pixels, are
    sown as "features".

    With `classes` it is called with y [n] after x, and `condition` names how it uses them, see
    `jaxgan.nn.conditional.DISCRIMINATOR`; the paper's is "projection".

    Source: Brock et al. 2019, as the generator; Miyato and Koyama 2018, cGANs with Projection Discriminator.

    Raises:
      ValueError: a number out of range; when called, images that are not square or of a size other than 16, 32, 64, 128
        or 256 pixels, or attention at a size that no block has.

    Example:
      >>> import jax
      >>> x, y = jnp.zeros((2, 16, 16, 3)), jnp.array([7, 0])
      >>> discriminator = BigGANDiscriminator(width=4, classes=10)
      >>> jax.eval_shape(lambda: discriminator.init_with_output(jax.random.key(0), x, y, train=True)[0]).shape
      (2,)
    """

    width: int = 96
    attention: int | None = None
    spectral_norm: bool = True
    dtype: Any = None
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
        wrap = spectrally_normalized(self.spectral_norm, train=train)
        size, condition = side_of(x), conditional.condition_of(self, y, x)
        form = form_of(size)
        conv = Convolutions(wrap, self.dtype, orthogonal, orthogonal)
        sides = [size >> min(i + 1, form.halvings) for i in range(len(form.discriminator))]
        attended = _attention(self.attention, form.attention[1], sides)
        x = conditional.inputs(condition, x)
        for i, features in enumerate(self.width * times for times in form.discriminator):
            x = _down(conv, x, features, i, form)
            # the last blocks share a size, so attention comes after the first of them
            if sides[i] == attended and sides.index(attended) == i:
                x = SelfAttention(orthogonal, self.dtype, wrap, name="attention")(x)
        x = jnp.sum(nn.relu(x), axis=(1, 2))
        self.sow("intermediates", "features", x)
        options: dict[str, Any] = {"kernel_init": orthogonal, "dtype": self.dtype}
        logits = at_least_float32(wrap(nn.Dense(1, name="last", **options))(x).reshape(x.shape[0]))
        return conditional.outputs(condition, x, logits, wrap, **options)


def _down(conv: Convolutions, x: Images, features: int, i: int, form: Form) -> Float[Array, "n out_h out_w {features}"]:
    if i == 0:
        return first_block(conv, x, features, "block_0")
    halve = i < form.halvings
    projected = features != x.shape[-1] or (halve and form.projected)
    return down_block(conv, no_norm, x, features, f"block_{i}", halve=halve, hidden=features, projected=projected)


def _attention(given: int | None, published: int, sides: list[int]) -> int:
    """The size at which self-attention is applied, in pixels a side; 0: nowhere."""
    wanted = published if given is None else given
    if wanted and wanted not in sides:
        raise ValueError(f"attention must be 0 for none or one of {', '.join(map(str, sorted(set(sides))))}, the "
                         f"sizes after a block, got {given}")  # fmt: skip
    return wanted


def _chunks(
    z: Float[Array, "n d"], blocks: int, skip_z: bool
) -> tuple[Float[Array, "n _"], list[Float[Array, "n _"] | None]]:
    """The parts of z for the first layer and for each block."""
    if not skip_z:
        return z, [None] * blocks
    if z.shape[-1] <= blocks:
        raise ValueError(
            f"skip_z divides a latent into {blocks + 1} chunks, and needs as many numbers, got {z.shape[-1]}"
        )
    first, *others = jnp.array_split(z, blocks + 1, axis=-1)
    return first, [*others]
