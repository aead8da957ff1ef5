"""The U-Net generator of pix2pix (Isola et al. 2017): image to image of the same size, with dropout as noise.

The encoder halves the image down to 1 x 1 with 4 x 4 convolutions of stride 2, and the decoder doubles it again. Every
decoder layer except the first also receives the encoder's output of the same size. BatchNorm everywhere except in the
first and last layer of the encoder and at the output; LeakyReLU(0.2) in the encoder, ReLU in the decoder, tanh at the
end; weights from N(0, 0.02).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Float

from jaxgan.nn.conv import conv_general_dilated
from jaxgan.nn.fields import check_fields
from jaxgan.nn.layers import ConvTranspose, at_least_float32
from jaxgan.nn.references import kernel_init, near_one, reference_of
from jaxgan.types import Array, Images

SIZES = (8, 16, 32, 64, 128, 256)
_WIDEST = 8  # largest width, as a multiple of the first layer's
_KERNEL, _STRIDES, _PADDING = (4, 4), (2, 2), ((1, 1), (1, 1))


STATISTICS = ("running", "batch", "image")


def depth_of(size: int) -> int:
    """The number of halvings from an image to 1 x 1.

    Raises:
      ValueError: a size that is not a power of two from 8 to 256, with the nearest ones.

    Example:
      >>> depth_of(256), depth_of(8)
      (8, 3)
    """
    if size in SIZES:
        return size.bit_length() - 1
    nearest = sorted(sorted(SIZES, key=lambda other: (abs(other - size), other))[:2])
    raise ValueError(
        "a U-Net makes images of 8, 16, 32, 64, 128 or 256 pixels a side; "
        f"got {size}, the nearest are {' and '.join(map(str, nearest))}"
    )


class UNetGenerator(nn.Module):
    """(z [n, d], y [n, size, size, c]) -> images [n, size, size, channels] in (-1, 1); z is not used.

    Its noise is dropout, in training and sampling: samples for one y differ by their key. The depth follows from the
    size: 8 for 256 pixels. `width` is the number of channels after the first layer; it doubles up to 8 times that.

    `reference` selects the implementation to follow. "torch", by the authors: dropout in the three innermost decoder
    layers, biases everywhere. "pytorch": dropout in the full-width decoder layers except the innermost (so from 64
    pixels on), biases only at the output. `statistics` selects the statistics for normalization. "running": those of
    the batch in training and their moving average in sampling, so that an image does not depend on others. "batch":
    those of the batch also in sampling, as in both references. "image": always those of each image alone, which is what
    "batch" means for the references' batch size of one. Parameters are the same for all three. `dropout` is the rate;
    0: no noise.

    Source: Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks, section 6.1.

    Raises:
      ValueError: a number out of range; when called, a size that is not a power of two from 8 to 256, or an unknown
        name.

    Example:
      >>> import jax
      >>> keys = {"params": jax.random.key(0), "dropout": jax.random.key(1)}
      >>> y = jnp.zeros((2, 16, 16, 1))
      >>> x, _ = UNetGenerator(16, 3, width=4).init_with_output(keys, jnp.zeros((2, 1)), y, train=True)
      >>> x.shape
      (2, 16, 16, 3)
    """

    size: int
    channels: int
    width: int = 64
    reference: str = "torch"
    statistics: str = "running"
    dropout: float = 0.5
    dtype: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fields(self)

    @nn.compact
    def __call__(
        self, z: Float[Array, "n d"], y: Float[Array, "n {self.size} {self.size} c"], *, train: bool
    ) -> Float[Array, "n {self.size} {self.size} {self.channels}"]:
        depth, reference = depth_of(self.size), reference_of(self.reference)
        widths = [self.width * min(2**i, _WIDEST) for i in range(depth)]
        like: dict[str, Any] = {
            "kernel_init": kernel_init,
            "kernel_size": _KERNEL,
            "strides": _STRIDES,
            "dtype": self.dtype,
        }
        conv: Callable[..., Any] = partial(nn.Conv, padding=_PADDING, conv_general_dilated=conv_general_dilated, **like)
        norm = partial(normalized, statistics=self.statistics, train=train, dtype=self.dtype)
        x, skips = y, list[Images]()
        for i, width in enumerate(widths):
            x = conv(width, use_bias=reference.biases, name=f"down_{i}")(nn.leaky_relu(x, 0.2) if i else x)
            x = norm(x, name=f"down_norm_{i}") if 0 < i < depth - 1 else x
            skips.append(x)
        skips.pop()
        up: Callable[..., Any] = partial(ConvTranspose, **like)
        for i, width in enumerate(reversed(widths[:-1])):
            x = up(width, use_bias=reference.biases, name=f"up_{i}")(nn.relu(x))
            x = norm(x, name=f"up_norm_{i}")
            if i in reference.dropout(depth):
                x = nn.Dropout(self.dropout, deterministic=False)(x)
            x = jnp.concatenate([skips.pop(), x], axis=-1)
        return nn.tanh(at_least_float32(up(self.channels, name=f"up_{depth - 1}")(nn.relu(x))))


def normalized(x: Images, name: str, *, statistics: str, train: bool, dtype: Any) -> Images:
    """BatchNorm for a module's `__call__` with the named statistics; the parameters are the same for all.

    Raises:
      ValueError: a name that is not in `STATISTICS`.
    """
    common: dict[str, Any] = {"epsilon": 1e-5, "scale_init": near_one, "dtype": dtype, "name": name}
    if statistics == "running":
        return nn.BatchNorm(use_running_average=not train, momentum=0.9, **common)(x)
    if statistics not in STATISTICS:
        raise ValueError(f"statistics must be one of {', '.join(STATISTICS)}, got {statistics!r}")
    # flax's layer norm over these axes is batch normalization without running averages
    axes = (0, 1, 2) if statistics == "batch" else (1, 2)
    return nn.LayerNorm(reduction_axes=axes, feature_axes=-1, **common)(x)
