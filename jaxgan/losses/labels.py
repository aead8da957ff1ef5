"""Label smoothing and label flipping: optional wrappers, off by default."""

import numbers

import jax
import jax.numpy as jnp

from jaxgan.checks import check_coefficient
from jaxgan.types import Array, FakeLogits, Key, LogitTransform, Loss, RealLogits


def smoothed_labels(loss: Loss, real: float = 0.9, fake: float = 0.0) -> Loss:
    """`loss` with soft targets for the discriminator: `real` in place of 1 and `fake` in place of 0.

    Discriminator: E[a A(real) + (1 - a) B(real)] + E[b A(fake) + (1 - b) B(fake)], a = `real` and b = `fake`, where
                   A and B are the terms of `loss` for real and for fake logits: for cross-entropy softplus(-l) and
                   softplus(l)
    Generator:     unchanged
    Optimum:       for cross-entropy D = (a p + b q) / (p + q); with b > 0 ("two-sided") D = b where p is 0, which
                   reinforces samples there, so one-sided smoothing, b = 0, is the default

    Source: Salimans et al. 2016, Improved Techniques for Training GANs, section 3.4.

    Raises:
      ValueError: a target is outside [0, 1], or the discriminator's loss has no separate real and fake parts (a paired
        loss, for example).

    Example:
      >>> from jaxgan.losses import minimax
      >>> soft = smoothed_labels(minimax, real=0.9)
      >>> [round(float(part), 4) for part in soft.discriminator(jnp.float32(2.0), jnp.float32(0.0))]
      [0.3269, 0.6931]
    """
    for name, target in (("real", real), ("fake", fake)):
        check_coefficient(name, target, highest=1.0)
    logits = jax.ShapeDtypeStruct((2,), jnp.float32)
    parts = jax.eval_shape(loss.discriminator, logits, logits)
    if not isinstance(parts, tuple) or len(parts) != 2:
        raise ValueError("label smoothing needs a discriminator loss of two parts, one of real and one of fake logits")

    def d_loss(real_logits: RealLogits, fake_logits: FakeLogits) -> tuple[RealLogits, FakeLogits]:
        real_as_real, fake_as_fake = loss.discriminator(real_logits, fake_logits)
        fake_as_real, real_as_fake = loss.discriminator(fake_logits, real_logits)
        return _mixed(real, real_as_real, real_as_fake), _mixed(fake, fake_as_real, fake_as_fake)

    return Loss(d_loss, loss.generator)


def _mixed(target: float, as_real: Array, as_fake: Array) -> Array:
    # A target of 0 or 1 drops one of the two: 0 times a value that has overflowed is NaN, and so is its derivative.
    if isinstance(target, numbers.Real) and target in (0, 1):
        return as_real if target == 1 else as_fake
    real_part = jnp.where(target == 0, 0.0, target * jnp.where(target == 0, 0.0, as_real))
    fake_part = jnp.where(target == 1, 0.0, (1 - target) * jnp.where(target == 1, 0.0, as_fake))
    return real_part + fake_part


def flipped_labels(rate: float) -> LogitTransform:
    """Label flipping, a `logit_transform` of a game: swaps each real and fake logit pair with probability `rate`.

    In a swapped pair, the discriminator's loss treats the real example as fake and vice versa. The reported outputs of
    the discriminator and the generator's loss use the true labels. Real and fake batches must have the same size.

    Optimum: for cross-entropy D = ((1 - r) p + r q) / (p + q), r = `rate`.
    Source: Chintala et al. 2016, How to Train a GAN? Tips and tricks, item 6.

    Raises:
      ValueError: rate is outside [0, 1], or the batches differ in size.

    Example:
      >>> real, fake = flipped_labels(1.0)(jax.random.key(0), jnp.ones(2), jnp.zeros(2))
      >>> real.tolist(), fake.tolist()
      ([0.0, 0.0], [1.0, 1.0])
    """
    check_coefficient("rate", rate, highest=1.0)

    def swap(key: Key, real_logits: RealLogits, fake_logits: FakeLogits) -> tuple[RealLogits, FakeLogits]:
        if real_logits.shape != fake_logits.shape:
            raise ValueError(
                "label flipping swaps real with fake logits and needs as many of both: "
                f"got shapes {real_logits.shape} and {fake_logits.shape}"
            )
        flip = jax.random.bernoulli(key, rate, real_logits.shape[:1])
        flip = flip.reshape(-1, *[1] * (real_logits.ndim - 1))
        return jnp.where(flip, fake_logits, real_logits), jnp.where(flip, real_logits, fake_logits)

    return swap
