"""f-GANs: any f-divergence as a game, through its variational lower bound.

The discriminator maximizes E_p[T] - E_q[f*(T)], where f* is the convex conjugate of f and T = g(logit) is an output
activation that maps onto its domain. The maximum is D_f(p || q) = E_q[f(p / q)], at T = f'(p / q). The zero-sum
generator minimizes -E_q[f*(T)]; the practical one, of the paper's section 3.2, maximizes E_q[T] instead. Nowozin et al.
2016.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgan.types import Array, FakeLogits, Loss, LossInfo, RealLogits


class Divergence(NamedTuple):
    """An f-divergence, given by its increasing output activation g(logit) and the conjugate composed with it, f*(g(.)).

    The composition is simplified by hand, to avoid needless overflow.
    """

    activation: Callable[[Array], Array]
    conjugate: Callable[[Array], Array]


def f_gan(divergence: Divergence) -> Loss:
    """The zero-sum game of an f-divergence.

    Discriminator: -E[g(real)] + E[f*(g(fake))]
    Generator:     -E[f*(g(fake))]

    Example:
      >>> loss = f_gan(Divergence(lambda v: v, lambda v: v**2 / 4 + v))  # Pearson
      >>> float(loss.generator(jnp.float32(0.0), jnp.float32(2.0)))
      -3.0
    """

    def g_loss(real_logits: RealLogits, fake_logits: FakeLogits) -> FakeLogits:
        del real_logits
        return -divergence.conjugate(fake_logits)

    return Loss(_discriminator(divergence), g_loss)


def f_gan_practical(divergence: Divergence) -> Loss:
    """The discriminator of an f-divergence with the practical generator of Nowozin et al. 2016, section 3.2.

    Discriminator: -E[g(real)] + E[f*(g(fake))]
    Generator:     -E[g(fake)]

    Example:
      >>> loss = f_gan_practical(Divergence(lambda v: v, lambda v: v**2 / 4 + v))
      >>> float(loss.generator(jnp.float32(0.0), jnp.float32(2.0)))
      -2.0
    """

    def g_loss(real_logits: RealLogits, fake_logits: FakeLogits) -> FakeLogits:
        del real_logits
        return -divergence.activation(fake_logits)

    return Loss(_discriminator(divergence), g_loss)


def _discriminator(divergence: Divergence) -> Callable[[RealLogits, FakeLogits], tuple[RealLogits, FakeLogits]]:
    def d_loss(real_logits: RealLogits, fake_logits: FakeLogits) -> tuple[RealLogits, FakeLogits]:
        return -divergence.activation(real_logits), divergence.conjugate(fake_logits)

    return d_loss


_KL = Divergence(lambda v: v, lambda v: jnp.exp(v - 1))
_REVERSE_KL = Divergence(lambda v: -jnp.exp(-v), lambda v: v - 1)
_PEARSON = Divergence(lambda v: v, lambda v: 0.25 * v**2 + v)
# Not with expm1: JAX computes its derivative as expm1 + 1, which is 0 in float32 at a logit of -20.
_HELLINGER = Divergence(lambda v: 1 - jnp.exp(-v), lambda v: jnp.exp(v) - 1)
_JENSEN_SHANNON = Divergence(lambda v: math.log(2) - jax.nn.softplus(-v), lambda v: jax.nn.softplus(v) - math.log(2))

f_kl = Loss(
    *f_gan(_KL),
    LossInfo(
        "f_kl",
        "The f-GAN of KL(p || q), f(u) = u log u.",
        discriminator="-E[real] + E[exp(fake - 1)]",
        generator="-E[exp(fake - 1)]",
        derivative="-exp(logit - 1)",
        optimum="logit 1 + log(p / q)",
        saturates=(
            "at low logits; it overflows to minus infinity above a logit of 89.72 in float32 (not clamped), "
            "and the discriminator's fake part to infinity"
        ),
        source="Nowozin et al. 2016, f-GAN, tables 2 and 6",
    ),
)

f_kl_practical = Loss(
    *f_gan_practical(_KL),
    LossInfo(
        "f_kl_practical",
        "The f-GAN of KL(p || q) with the practical generator.",
        discriminator="-E[real] + E[exp(fake - 1)]",
        generator="-E[fake]",
        derivative="-1",
        optimum="logit 1 + log(p / q), where the generator minimizes KL(q || p) and not KL(p || q)",
        saturates="nowhere; the discriminator overflows above a logit of 89.72 in float32",
        source="Nowozin et al. 2016, f-GAN, section 3.2",
    ),
)

f_reverse_kl = Loss(
    *f_gan(_REVERSE_KL),
    LossInfo(
        "f_reverse_kl",
        "The f-GAN of KL(q || p), f(u) = -log u.",
        discriminator="E[exp(-real)] + E[fake - 1]",
        generator="-E[fake - 1]",
        derivative="-1",
        optimum="logit log(p / q)",
        saturates="nowhere; the discriminator overflows below a real logit of -88.72 in float32",
        source="Nowozin et al. 2016, f-GAN, tables 2 and 6",
    ),
)

f_reverse_kl_practical = Loss(
    *f_gan_practical(_REVERSE_KL),
    LossInfo(
        "f_reverse_kl_practical",
        "The f-GAN of KL(q || p) with the practical generator.",
        discriminator="E[exp(-real)] + E[fake - 1]",
        generator="E[exp(-fake)]",
        derivative="-exp(-logit)",
        optimum="logit log(p / q)",
        saturates=(
            "at high logits; it overflows to infinity below a logit of -88.72 in float32 (not clamped), as "
            "does the discriminator's real part"
        ),
        source="Nowozin et al. 2016, f-GAN, section 3.2",
    ),
)

f_pearson = Loss(
    *f_gan(_PEARSON),
    LossInfo(
        "f_pearson",
        "The f-GAN of the Pearson divergence E_q[(p / q - 1)^2], f(u) = (u - 1)^2.",
        discriminator="-E[real] + E[fake^2 / 4 + fake]",
        generator="-E[fake^2 / 4 + fake]",
        derivative="-(logit / 2 + 1)",
        optimum="logit 2 (p / q - 1), at least -2",
        saturates="at a logit of -2; below it the derivative has the other sign",
        source="Nowozin et al. 2016, f-GAN, tables 2 and 6",
    ),
)

f_pearson_practical = Loss(
    *f_gan_practical(_PEARSON),
    LossInfo(
        "f_pearson_practical",
        "The f-GAN of the Pearson divergence with the practical generator.",
        discriminator="-E[real] + E[fake^2 / 4 + fake]",
        generator="-E[fake]",
        derivative="-1",
        optimum="logit 2 (p / q - 1), at least -2, where the generator's gradient is that of 2 KL(p || q)",
        saturates="nowhere",
        source="Nowozin et al. 2016, f-GAN, section 3.2",
    ),
)

f_hellinger = Loss(
    *f_gan(_HELLINGER),
    LossInfo(
        "f_hellinger",
        "The f-GAN of the squared Hellinger distance, the integral of (sqrt p - sqrt q)^2, f(u) = (sqrt u - 1)^2.",
        discriminator="E[exp(-real) - 1] + E[exp(fake) - 1]",
        generator="-E[exp(fake) - 1]",
        derivative="-exp(logit)",
        optimum="logit log(p / q) / 2",
        saturates=(
            "at low logits; it overflows to minus infinity above a logit of 88.72 in float32 (not clamped); "
            "the discriminator's fake part does so there, too, and its real part below -88.72"
        ),
        source="Nowozin et al. 2016, f-GAN, tables 2 and 6",
    ),
)

f_hellinger_practical = Loss(
    *f_gan_practical(_HELLINGER),
    LossInfo(
        "f_hellinger_practical",
        "The f-GAN of the squared Hellinger distance with the practical generator.",
        discriminator="E[exp(-real) - 1] + E[exp(fake) - 1]",
        generator="E[exp(-fake) - 1]",
        derivative="-exp(-logit)",
        optimum="logit log(p / q) / 2",
        saturates=(
            "at high logits; it overflows to infinity below a logit of -88.72 in float32 (not clamped), as "
            "does the discriminator's real part, and its fake part above 88.72"
        ),
        source="Nowozin et al. 2016, f-GAN, section 3.2",
    ),
)

f_jensen_shannon = Loss(
    *f_gan(_JENSEN_SHANNON),
    LossInfo(
        "f_jensen_shannon",
        "The f-GAN of 2 JSD(p, q): `minimax` up to the constant log 4.",
        discriminator="E[softplus(-real)] + E[softplus(fake)] - log 4",
        generator="-E[softplus(fake)] + log 2",
        derivative="-D",
        optimum="logit log(p / q)",
        saturates="at low logits, as `minimax`",
        source="Nowozin et al. 2016, f-GAN, tables 2 and 6 (whose f(u) = u log u - (u + 1) log((u + 1) / 2))",
    ),
)

f_jensen_shannon_practical = Loss(
    *f_gan_practical(_JENSEN_SHANNON),
    LossInfo(
        "f_jensen_shannon_practical",
        "The f-GAN of 2 JSD(p, q) with the practical generator: `non_saturating` up to constants.",
        discriminator="E[softplus(-real)] + E[softplus(fake)] - log 4",
        generator="E[softplus(-fake)] - log 2",
        derivative="D - 1",
        optimum="logit log(p / q)",
        saturates="at high logits, as `non_saturating`",
        source="Nowozin et al. 2016, f-GAN, section 3.2",
    ),
)
