"""Common to both networks of pix2pix: the reference implementations that they follow, and initial weights."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from jaxgan.types import Array, Key

kernel_init = nn.initializers.normal(0.02)


class Reference(NamedTuple):
    """The differences between the layers of the two reference implementations of pix2pix."""

    dropout: Callable[[int], range]  # depth -> the decoder layers with dropout, 0 being the innermost
    biases: bool  # whether all convolutions have biases, or only the output (in a discriminator also the first layer)


REFERENCES = {
    "torch": Reference(lambda depth: range(min(3, depth - 1)), biases=True),
    "pytorch": Reference(lambda depth: range(1, depth - 4), biases=False),
}
"""The authors' implementations in Torch (phillipi/pix2pix) and PyTorch (junyanz/pytorch-CycleGAN-and-pix2pix)."""


def reference_of(name: str) -> Reference:
    """The layers of a reference implementation.

    Raises:
      ValueError: a name that is not in `REFERENCES`.
    """
    if name not in REFERENCES:
        raise ValueError(f"reference must be one of {', '.join(REFERENCES)}, got {name!r}")
    return REFERENCES[name]


def near_one(key: Key, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Float[Array, "*shape"]:
    """BatchNorm scales from N(1, 0.02), as in both references."""
    return 1 + 0.02 * jax.random.normal(key, shape, dtype)
