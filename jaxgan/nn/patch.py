"""The PatchGAN discriminator of pix2pix (Isola et al. 2017): a logit for every patch of an image."""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Float

from jaxgan.nn.conv import conv_general_dilated
from jaxgan.nn.fields import check_fields
from jaxgan.nn.layers import at_least_float32, spectrally_normalized
from jaxgan.nn.references import kernel_init, near_one, reference_of
from jaxgan.types import Array, Images

FIELDS = {1: 0, 16: 1, 34: 2, 70: 3, 142: 4, 286: 5}
"""The receptive fields, and the number of stride-2 convolutions in each."""
_WIDEST, _PAPER = 8, 70
_leaky_relu = partial(nn.leaky_relu, negative_slope=0.2)


def patches_of(size: int, field: int) -> int:
    """The number of logits a side for an image of `size` pixels and a receptive field; 0 if the image is too small.

    Raises:
      ValueError: a receptive field that is not in `FIELDS`.

    Example:
      >>> patches_of(256, 70), patches_of(8, 16), patches_of(8, 70)
      (30, 2, 0)
    """
    if field not in FIELDS:
        raise ValueError(f"receptive_field must be one of {', '.join(map(str, FIELDS))}, got {field}")
    if field == 1:
        return size
    return max(0, (size >> FIELDS[field]) - 2)


def field_for(size: int) -> int:
    """The largest receptive field up to the paper's 70 that gives an image of `size` pixels at least 2 x 2 logits.

    Example:
      >>> field_for(256), field_for(16), field_for(8)
      (70, 34, 16)
    """
    return max(field for field in FIELDS if field <= _PAPER and (field == 1 or patches_of(size, field) >= 2))


class PatchDiscriminator(nn.Module):
    """Images x [n, h, w, c] and, if conditional, images y [n, h, w, e] -> logits [n, patches, patches].

    x and y are joined along their channels. Every logit depends on the `receptive_field` x `receptive_field` pixels
    around it that are within the image: 1, 16, 34, 70, 142 or 286; None: the largest up to 70 that gives at least 2 x 2
    logits. `width` is the number of channels after the first layer; it doubles up to 8 times that. `reference` selects
    the implementation whose biases are used, as in `UNetGenerator`; without `batch_norm` every layer has biases.
    `spectral_norm` is as in `DCGANDiscriminator`. The last layer's features are sown as "features".

    Source: Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks, section 6.1.2.

    Raises:
      ValueError: a number out of range; when called, an unknown receptive field, or an image that is too small for it.

    Example:
      >>> import jax
      >>> x, y = jnp.zeros((2, 32, 32, 3)), jnp.zeros((2, 32, 32, 1))
      >>> logits, _ = PatchDiscriminator(width=4).init_with_output(jax.random.key(0), x, y, train=True)
      >>> logits.shape
      (2, 2, 2)
    """

    width: int = 64
    receptive_field: int | None = None
    reference: str = "torch"
    batch_norm: bool = True
    spectral_norm: bool = False
    dtype: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fields(self)

    @nn.compact
    def __call__(
        self, x: Float[Array, "n h w c"], y: Float[Array, "n h w e"] | None = None, *, train: bool
    ) -> Float[Array, "n patches_h patches_w"]:
        size = min(x.shape[1:3])
        field = field_for(size) if self.receptive_field is None else self.receptive_field
        if patches_of(size, field) < 1:
            raise ValueError(f"a receptive field of {field} leaves no patch of images of {size} pixels; "
                             f"the largest that does is {max(f for f in FIELDS if patches_of(size, f))}")  # fmt: skip
        biases = reference_of(self.reference).biases or not self.batch_norm
        strided = FIELDS[field]
        kernel, pad = ((1, 1), 0) if field == 1 else ((4, 4), 1)

        layer = spectrally_normalized(self.spectral_norm, train=train)

        def conv(features: int, stride: int, use_bias: bool) -> Callable[[Array], Array]:
            return layer(nn.Conv(features, kernel, (stride, stride), ((pad, pad), (pad, pad)), use_bias=use_bias,
                                 kernel_init=kernel_init, dtype=self.dtype,
                                 conv_general_dilated=conv_general_dilated))  # fmt: skip

        def norm(x: Images) -> Images:
            if not self.batch_norm:
                return x
            return nn.BatchNorm(not train, momentum=0.9, dtype=self.dtype, scale_init=near_one)(x)

        x = x if y is None else jnp.concatenate([x, y.astype(x.dtype)], axis=-1)
        x = _leaky_relu(conv(self.width, 2 if strided else 1, True)(x))
        for i in range(1, max(1, strided) + 1):
            stride = 2 if i < strided else 1
            x = _leaky_relu(norm(conv(self.width * min(2**i, _WIDEST), stride, biases)(x)))
        self.sow("intermediates", "features", x)
        logits = conv(1, 1, biases or field > 1)(x)
        return at_least_float32(logits[..., 0])
