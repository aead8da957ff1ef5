"""Losses: functions of the discriminator's logits, one value per example, no reduction.

With D = sigmoid(logit), log D = -softplus(-logit) and log(1 - D) = -softplus(logit). Everything is written in
softplus: it is exact in float32 at any logit. An epsilon inside a logarithm would be worse than useless: it turns
the non-saturating loss into a saturating one just where the generator needs its gradient (at a logit of -25 the
derivative of -log(D + 1e-8) is -0.0014, where that of -log D is -1).
"""

import jax

from jaxgan.types import Array, Loss


def cross_entropy_discriminator(real_logits: Array, fake_logits: Array) -> tuple[Array, Array]:
    """Binary cross-entropy with real = 1 and fake = 0: (-log D(x), -log(1 - D(G(z)))).

    Equation:   L_D = E[softplus(-real)] + E[softplus(fake)]
    Derivative: by a real logit D - 1, by a fake logit D.
    Optimum:    D = p / (p + q), where L_D = log 4 - 2 JSD(p, q).

    The two terms are returned apart, so that real and fake batches may differ in size.
    Source: Goodfellow et al. 2014, Generative Adversarial Nets, equation 1.

    Example:
      >>> real, fake = cross_entropy_discriminator(jax.numpy.zeros(2), jax.numpy.zeros(3))
      >>> [round(float(term.mean()), 4) for term in (real, fake)]
      [0.6931, 0.6931]
    """
    return jax.nn.softplus(-real_logits), jax.nn.softplus(fake_logits)


def minimax_generator(real_logits: Array, fake_logits: Array) -> Array:
    """The theoretical generator loss log(1 - D(G(z))): minus the discriminator's fake term, a zero-sum game.

    Equation:   L_G = -E[softplus(fake)]
    Derivative: by a fake logit -D. It saturates where the discriminator is sure that a fake is a fake: a logit
                of -20 leaves a derivative of -2e-9.
    Source: Goodfellow et al. 2014, equation 1.

    Example:
      >>> float(jax.grad(lambda logit: minimax_generator(logit, logit))(0.0))
      -0.5
    """
    del real_logits
    return -jax.nn.softplus(fake_logits)


def non_saturating_generator(real_logits: Array, fake_logits: Array) -> Array:
    """The practical generator loss -log D(G(z)).

    Equation:   L_G = E[softplus(-fake)]
    Derivative: by a fake logit D - 1. It is steepest (-1) where the discriminator is sure that a fake is a fake,
                and saturates where a fake passes for real.
    Source: Goodfellow et al. 2014, section 3.

    Example:
      >>> float(jax.grad(lambda logit: non_saturating_generator(logit, logit))(-200.0))
      -1.0
    """
    del real_logits
    return jax.nn.softplus(-fake_logits)


minimax = Loss(cross_entropy_discriminator, minimax_generator)
"""The zero-sum game of Goodfellow et al. 2014: the generator minimizes log(1 - D(G(z)))."""

non_saturating = Loss(cross_entropy_discriminator, non_saturating_generator)
"""The same discriminator; the generator minimizes -log D(G(z))."""
