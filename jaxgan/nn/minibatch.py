"""Discriminators that see several examples at once, to prevent mode collapse: packs and minibatch statistics."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from jaxgan.checks import check_count
from jaxgan.nn.calls import told
from jaxgan.types import Array, PyTree


class Packed(nn.Module):
    """`discriminator` on packs of `m` consecutive examples, joined along their last axis: logits [n / m].

    The discriminator judges m examples together, so it can detect a lack of variety (PacGAN). Conditions that are
    images are joined in the same way; others are reshaped from [n, ...] to [n / m, m, ...].
    Source: Lin et al. 2018, PacGAN: The power of two samples in generative adversarial networks.

    Raises:
      ValueError: m below 1, or a batch size that is not a multiple of m.

    Example:
      >>> from jaxgan.nn import MLPDiscriminator
      >>> packed = Packed(MLPDiscriminator(), 2)
      >>> packed.init_with_output(jax.random.key(0), jnp.zeros((6, 2)), train=True)[0].shape
      (3,)
    """

    discriminator: nn.Module
    m: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.m < 1:
            raise ValueError(f"a pack needs at least 1 example, got m = {self.m}")

    @nn.compact
    def __call__(self, x: Float[Array, "n ..."], y: PyTree = None, *, train: bool) -> PyTree:
        n = x.shape[0]
        if n % self.m:
            raise ValueError(f"packs of {self.m} do not divide a batch of {n} examples")

        def grouped(a: Array) -> Array:
            return a.reshape(n // self.m, self.m, *a.shape[1:])

        def joined(a: Array) -> Array:
            packs = jnp.moveaxis(grouped(a), 1, -2)
            return packs.reshape(*packs.shape[:-2], -1)

        y = jax.tree.map(lambda a: joined(a) if a.ndim == 4 else grouped(a), y)
        discriminator, keywords = told(self.discriminator, train)
        return discriminator(joined(x), *(() if y is None else (y,)), **keywords)


class MinibatchDiscrimination(nn.Module):
    """Features [n, f] -> [n, f + kernels]: adds to each example how close the other examples are.

    o_ib = sum over j != i of exp(-|M_ib - M_jb|_1), M_i = T(f_i) [kernels, dim]. (The paper's sum includes j = i.)
    Source: Salimans et al. 2016, Improved Techniques for Training GANs, section 3.2.

    Example:
      >>> layer = MinibatchDiscrimination(kernels=4, dim=3)
      >>> layer.init_with_output(jax.random.key(0), jnp.zeros((5, 8)))[0].shape
      (5, 12)
    """

    kernels: int = 16
    dim: int = 8
    dtype: Any = None

    @nn.compact
    def __call__(self, features: Float[Array, "n f"]) -> Float[Array, "n f+{self.kernels}"]:
        n = features.shape[0]
        m = nn.Dense(self.kernels * self.dim, use_bias=False, dtype=self.dtype)(features)
        m = m.reshape(n, self.kernels, self.dim)
        distance = jnp.sum(jnp.abs(m[:, None] - m[None, :]), axis=-1)
        others = jnp.sum(jnp.exp(-distance), axis=1) - 1
        return jnp.concatenate([features, others], axis=-1)


def minibatch_standard_deviation(
    features: Float[Array, "n *size f"], group: int | None = 4
) -> Float[Array, "n *size f+1"]:
    """Features [n, ..., f] -> [n, ..., f + 1]: adds how much the features vary over a group of examples.

    This is the mean over features of the standard deviation over `group` examples (None, or a smaller batch: over the
    batch), the same number for the whole group. Groups are strided: with n = 8 and groups of 4, examples 0, 2, 4 and 6
    are a group.
    Source: Karras et al. 2018, Progressive Growing of GANs, section 3; groups as in StyleGAN2.

    Raises:
      ValueError: a group below 1, or one that does not divide a larger batch.

    Example:
      >>> minibatch_standard_deviation(jnp.ones((8, 3))).shape
      (8, 4)
    """
    if group is not None:
        check_count("group", group)
    n = features.shape[0]
    size = n if group is None else min(group, n)
    if n % size:
        raise ValueError(f"minibatch statistics in groups of {size} need batches of a multiple of {size}, got {n} "
                         "examples; group=None makes a batch one group")  # fmt: skip
    groups = features.reshape(size, n // size, -1)
    # 1e-8 inside the root, as in StyleGAN2, keeps its derivative finite if all examples are equal.
    spread = jnp.mean(jnp.sqrt(jnp.var(groups, axis=0) + 1e-8), axis=-1)  # [n / size]
    spread = jnp.tile(spread, size).reshape(n, *[1] * (features.ndim - 1))
    return jnp.concatenate([features, jnp.broadcast_to(spread, (*features.shape[:-1], 1))], axis=-1)
