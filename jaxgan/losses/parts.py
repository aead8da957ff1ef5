"""Shared helpers for the arrays that a loss returns, and for logits."""

import jax
import jax.numpy as jnp
from jaxtyping import Float

from jaxgan.types import Array, FakeLogits, RealLogits, Scalar

Parts = Array | tuple[Array, ...]
"""The return value of a loss: per-example values, or a tuple of such arrays."""


def parts_of(parts: Parts) -> tuple[Array, ...]:
    """The arrays that a loss returned, as a tuple.

    Example:
      >>> len(parts_of(jnp.zeros(3))), len(parts_of((jnp.zeros(3), jnp.zeros(2))))
      (1, 2)
    """
    return parts if isinstance(parts, tuple) else (parts,)


def means_of(parts: Parts) -> tuple[Scalar, ...]:
    """The mean of each part."""
    return tuple(jnp.mean(part) for part in parts_of(parts))


def mean_of(parts: Parts) -> Scalar:
    """What a player minimizes: the sum of the means of the parts.

    Example:
      >>> float(mean_of((jnp.array([1.0, 3.0]), jnp.array([10.0]))))
      12.0
    """
    return added(means_of(parts))


def added(parts: tuple[Float[Array, "*shape"], ...]) -> Float[Array, "*shape"]:
    """The sum of one or more arrays, added in order."""
    return sum(parts[1:], start=parts[0])


def value_of(real_logits: RealLogits, fake_logits: FakeLogits) -> Scalar:
    """V(D, G) = E log D(x) + E log(1 - D(G(z))), D = sigmoid(logit); -log 4 at the equilibrium.

    Source: Goodfellow et al. 2014, Generative Adversarial Nets, equation 1.

    Example:
      >>> round(float(value_of(jnp.zeros(4), jnp.zeros(3))), 4)
      -1.3863
    """
    return -jnp.mean(jax.nn.softplus(-real_logits)) - jnp.mean(jax.nn.softplus(fake_logits))


def accuracy_of(real_logits: RealLogits, fake_logits: FakeLogits, threshold: float | None = 0.0) -> Scalar:
    """The fraction of decisions, half of them on real examples, on the correct side of a threshold.

    Real logits are correct above it, fake logits below. None: the threshold is midway between the mean logits, for
    scores without a natural threshold, such as a critic's.
    Example:
      >>> real, fake = jnp.array([1.0, 2.0]), jnp.array([-1.0, 3.0])
      >>> float(accuracy_of(real, fake)), float(accuracy_of(real + 9, fake + 9)), float(accuracy_of(real, fake, None))
      (0.75, 0.5, 0.5)
    """
    between = (jnp.mean(real_logits) + jnp.mean(fake_logits)) / 2 if threshold is None else threshold
    return (jnp.mean(real_logits > between) + jnp.mean(fake_logits < between)) / 2
