"""What both networks of pix2pix share: the reference implementations that they follow, and how their weights begin."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from jaxgan.types import Array, Key

kernel_init = nn.initializers.normal(0.02)


class Reference(NamedTuple):
    """Where the two reference implementations of pix2pix differ in their layers."""

    dropout: Callable[[int], range]  # depth -> which layers of the decoder have it, 0 the innermost
    biases: bool  # of convolutions: of all, or of the output's alone (in a discriminator the first layer's, too)


REFERENCES = {
    "torch": Reference(lambda depth: range(min(3, depth - 1)), biases=True),
    "pytorch": Reference(lambda depth: range(1, depth - 4), biases=False),
}
"""The authors' own in Torch (phillipi/pix2pix), and theirs in PyTorch (junyanz/pytorch-CycleGAN-and-pix2pix)."""


def reference_of(name: str) -> Reference:
    """The layers of a reference implementation.

    Raises:
      ValueError: another name than those of `REFERENCES`.
    """
    if name not in REFERENCES:
        raise ValueError(f"reference must be one of {', '.join(REFERENCES)}, got {name!r}")
    return REFERENCES[name]


def near_one(key: Key, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Float[Array, "*shape"]:
    """Scales of BatchNorm from N(1, 0.02), as both references start them."""
    return 1 + 0.02 * jax.random.normal(key, shape, dtype)
