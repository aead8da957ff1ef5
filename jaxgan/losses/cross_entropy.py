"""Losses with a discriminator trained as a classifier by cross-entropy, as in Goodfellow et al. 2014.

With D = sigmoid(logit), log D = -softplus(-logit) and log(1 - D) = -softplus(logit). All losses are written with
softplus, which is accurate in float32 at any logit. An epsilon inside a logarithm would do harm: it makes the
non-saturating loss saturate exactly where the generator needs its gradient (at a logit of -25 the derivative of
-log(D + 1e-8) is -0.0014, while that of -log D is -1).

Below, p is the distribution of the data and q that of the generator.
"""

import jax
import jax.numpy as jnp

from jaxgan.types import FakeLogits, Loss, LossInfo, RealLogits


def cross_entropy_discriminator(real_logits: RealLogits, fake_logits: FakeLogits) -> tuple[RealLogits, FakeLogits]:
    """Binary cross-entropy with real = 1 and fake = 0: (-log D(x), -log(1 - D(G(z)))).

    Equation:   L_D = E[softplus(-real)] + E[softplus(fake)]
    Derivative: with respect to a real logit D - 1, with respect to a fake logit D.
    Optimum:    D = p / (p + q), where L_D = log 4 - 2 JSD(p, q).

    The two terms are returned separately, so that real and fake batches may differ in size.
    Source: Goodfellow et al. 2014, Generative Adversarial Nets, equation 1.

    Example:
      >>> real, fake = cross_entropy_discriminator(jax.numpy.zeros(2), jax.numpy.zeros(3))
      >>> [round(float(term.mean()), 4) for term in (real, fake)]
      [0.6931, 0.6931]
    """
    return jax.nn.softplus(-real_logits), jax.nn.softplus(fake_logits)


def minimax_generator(real_logits: RealLogits, fake_logits: FakeLogits) -> FakeLogits:
    """The minimax generator loss log(1 - D(G(z))): minus the discriminator's fake term.

    Example:
      >>> float(jax.grad(lambda logit: minimax_generator(logit, logit))(0.0))
      -0.5
    """
    del real_logits
    return -jax.nn.softplus(fake_logits)


def non_saturating_generator(real_logits: RealLogits, fake_logits: FakeLogits) -> FakeLogits:
    """The non-saturating generator loss -log D(G(z)).

    Example:
      >>> float(jax.grad(lambda logit: non_saturating_generator(logit, logit))(-200.0))
      -1.0
    """
    del real_logits
    return jax.nn.softplus(-fake_logits)


def reverse_kl_generator(real_logits: RealLogits, fake_logits: FakeLogits) -> FakeLogits:
    """The sum of the minimax and the non-saturating generator loss, log((1 - D) / D) = -logit.

    Example:
      >>> float(reverse_kl_generator(jnp.float32(0.0), jnp.float32(3.0)))
      -3.0
    """
    del real_logits
    return -fake_logits


def maximum_likelihood_generator(real_logits: RealLogits, fake_logits: FakeLogits) -> FakeLogits:
    """-exp(logit) / 2 = -D / (2 (1 - D)), which overflows to minus infinity above a logit of 88.72 in float32.

    Example:
      >>> float(maximum_likelihood_generator(jnp.float32(0.0), jnp.float32(0.0)))
      -0.5
    """
    del real_logits
    return -0.5 * jnp.exp(fake_logits)


minimax = Loss(
    cross_entropy_discriminator,
    minimax_generator,
    LossInfo(
        "minimax",
        "The theoretical (minimax) loss: the generator minimizes log(1 - D(G(z))), a zero-sum game.",
        discriminator="E[softplus(-real)] + E[softplus(fake)]",
        generator="-E[softplus(fake)]",
        derivative="-D",
        optimum="D = p / (p + q), logit log(p / q), where V = -log 4 + 2 JSD(p, q)",
        saturates=(
            "where the discriminator is sure that a fake is a fake: a logit of -20 leaves a derivative of -2e-9"
        ),
        source="Goodfellow et al. 2014, Generative Adversarial Nets, equation 1",
    ),
)

non_saturating = Loss(
    cross_entropy_discriminator,
    non_saturating_generator,
    LossInfo(
        "non_saturating",
        "The practical (non-saturating) loss: the same discriminator, but the generator minimizes -log D(G(z)).",
        discriminator="E[softplus(-real)] + E[softplus(fake)]",
        generator="E[softplus(-fake)]",
        derivative="D - 1, steepest (-1) where a fake is recognized",
        optimum="D = p / (p + q), where the generator's gradient is that of KL(q || p) - 2 JSD(p, q)",
        saturates="where a fake passes for real: a logit of 20 leaves a derivative of -2e-9",
        source="Goodfellow et al. 2014, section 3; the gradient: Arjovsky and Bottou 2017, theorem 2.5",
    ),
)

reverse_kl = Loss(
    cross_entropy_discriminator,
    reverse_kl_generator,
    LossInfo(
        "reverse_kl",
        "The KL form -logit: at the optimal discriminator the generator minimizes KL(q || p), model against data.",
        discriminator="E[softplus(-real)] + E[softplus(fake)]",
        generator="-E[fake]",
        derivative="-1",
        optimum="D = p / (p + q), where L_G = E_q[log(q / p)] = KL(q || p)",
        saturates="nowhere",
        source="Sonderby et al. 2017, Amortised MAP Inference for Image Super-Resolution, section 3.2",
    ),
)

maximum_likelihood = Loss(
    cross_entropy_discriminator,
    maximum_likelihood_generator,
    LossInfo(
        "maximum_likelihood",
        "The generator loss whose gradient is that of maximum likelihood when the discriminator is optimal.",
        discriminator="E[softplus(-real)] + E[softplus(fake)]",
        generator="-E[exp(fake)] / 2",
        derivative="-exp(logit) / 2",
        optimum="D = p / (p + q), where exp(logit) = p / q and the generator's gradient is half that of KL(p || q)",
        saturates=(
            "on every fake that looks fake: the few best ones have almost all of the gradient. It "
            "overflows to minus infinity above a logit of 88.72 in float32 (not clamped)"
        ),
        source="Goodfellow 2016, NIPS 2016 Tutorial, section 3.2.5",
    ),
)
