"""Turns any discriminator loss into a zero-sum game."""

from jaxgan.types import Array, FakeLogits, Loss, RealLogits


def zero_sum(loss: Loss) -> Loss:
    """The zero-sum game in which the generator minimizes minus the discriminator's loss of `loss`.

    Discriminator: unchanged
    Generator:     -L_D, including the real part

    The real part does not depend on the generator unless the generator differentiates through the discriminator's
    updates (`unrolled`). In that case it matters, and `minimax`, which omits it, is not equivalent.

    Example:
      >>> import jax.numpy as jnp
      >>> from jaxgan.losses import wasserstein
      >>> [float(part) for part in zero_sum(wasserstein).generator(jnp.float32(2.0), jnp.float32(3.0))]
      [2.0, -3.0]
    """

    def g_loss(real_logits: RealLogits, fake_logits: FakeLogits) -> Array | tuple[Array, ...]:
        parts = loss.discriminator(real_logits, fake_logits)
        return tuple(-part for part in parts) if isinstance(parts, tuple) else -parts

    return Loss(loss.discriminator, g_loss)
