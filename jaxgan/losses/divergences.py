"""f-GANs: any f-divergence as a game, by its variational lower bound.

The discriminator maximizes E_p[T] - E_q[f*(T)], f* being the convex conjugate of f and T = g(logit) an output
activation onto its domain. The maximum is D_f(p || q) = E_q[f(p / q)], at T = f'(p / q). The zero-sum generator
minimizes -E_q[f*(T)]; the practical one, of the paper's section 3.2, maximizes E_q[T] instead. Nowozin et al. 2016.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgan.types import Array, Loss


class Divergence(NamedTuple):
    """An f-divergence by its output activation g(logit), increasing, and the conjugate at it, f*(g(logit)).

    The two are composed by hand, so that nothing overflows that does not have to.
    """

    activation: Callable[[Array], Array]
    conjugate: Callable[[Array], Array]


def f_gan(divergence: Divergence) -> Loss:
    """The zero-sum game of an f-divergence.

    Discriminator: -E[g(real)] + E[f*(g(fake))]
    Generator:     -E[f*(g(fake))]

    Example:
      >>> loss = f_gan(Divergence(lambda v: v, lambda v: v**2 / 4 + v))  # Pearson
      >>> float(loss.generator(0.0, 2.0))
      -3.0
    """

    def g_loss(real_logits: Array, fake_logits: Array) -> Array:
        del real_logits
        return -divergence.conjugate(fake_logits)

    return Loss(_discriminator(divergence), g_loss)


def f_gan_practical(divergence: Divergence) -> Loss:
    """The discriminator of an f-divergence with the generator of Nowozin et al. 2016, section 3.2.

    Discriminator: -E[g(real)] + E[f*(g(fake))]
    Generator:     -E[g(fake)]

    Example:
      >>> loss = f_gan_practical(Divergence(lambda v: v, lambda v: v**2 / 4 + v))
      >>> float(loss.generator(0.0, 2.0))
      -2.0
    """

    def g_loss(real_logits: Array, fake_logits: Array) -> Array:
        del real_logits
        return -divergence.activation(fake_logits)

    return Loss(_discriminator(divergence), g_loss)


def _discriminator(divergence: Divergence) -> Callable[[Array, Array], tuple[Array, Array]]:
    def d_loss(real_logits: Array, fake_logits: Array) -> tuple[Array, Array]:
        return -divergence.activation(real_logits), divergence.conjugate(fake_logits)

    return d_loss


_KL = Divergence(lambda v: v, lambda v: jnp.exp(v - 1))
_REVERSE_KL = Divergence(lambda v: -jnp.exp(-v), lambda v: v - 1)
_PEARSON = Divergence(lambda v: v, lambda v: 0.25 * v**2 + v)
# Not by expm1, whose derivative JAX takes as expm1 + 1: at a logit of -20 that is 0 in float32.
_HELLINGER = Divergence(lambda v: 1 - jnp.exp(-v), lambda v: jnp.exp(v) - 1)
_JENSEN_SHANNON = Divergence(lambda v: math.log(2) - jax.nn.softplus(-v), lambda v: jax.nn.softplus(v) - math.log(2))

f_kl = f_gan(_KL)
"""The f-GAN of KL(p || q), f(u) = u log u.

Discriminator: -E[real] + E[exp(fake - 1)]
Generator:     -E[exp(fake - 1)]
Derivative:    of the generator's loss by a fake logit -exp(logit - 1)
Optimum:       logit 1 + log(p / q)
Saturates:     at low logits; it overflows to minus infinity above a logit of 89.72 in float32, honestly, and the
               discriminator's fake part to infinity
Source:        Nowozin et al. 2016, f-GAN, tables 2 and 6
"""

f_kl_practical = f_gan_practical(_KL)
"""The f-GAN of KL(p || q) with the practical generator.

Discriminator: -E[real] + E[exp(fake - 1)]
Generator:     -E[fake]
Derivative:    of the generator's loss by a fake logit -1
Optimum:       logit 1 + log(p / q), where the generator minimizes KL(q || p) and not KL(p || q)
Saturates:     nowhere; the discriminator overflows above a logit of 89.72 in float32
Source:        Nowozin et al. 2016, f-GAN, section 3.2
"""

f_reverse_kl = f_gan(_REVERSE_KL)
"""The f-GAN of KL(q || p), f(u) = -log u.

Discriminator: E[exp(-real)] + E[fake - 1]
Generator:     -E[fake - 1]
Derivative:    of the generator's loss by a fake logit -1
Optimum:       logit log(p / q)
Saturates:     nowhere; the discriminator overflows below a real logit of -88.72 in float32
Source:        Nowozin et al. 2016, f-GAN, tables 2 and 6
"""

f_reverse_kl_practical = f_gan_practical(_REVERSE_KL)
"""The f-GAN of KL(q || p) with the practical generator.

Discriminator: E[exp(-real)] + E[fake - 1]
Generator:     E[exp(-fake)]
Derivative:    of the generator's loss by a fake logit -exp(-logit)
Optimum:       logit log(p / q)
Saturates:     at high logits; it overflows to infinity below a logit of -88.72 in float32, honestly, as does the
               discriminator's real part
Source:        Nowozin et al. 2016, f-GAN, section 3.2
"""

f_pearson = f_gan(_PEARSON)
"""The f-GAN of the Pearson divergence E_q[(p / q - 1)^2], f(u) = (u - 1)^2.

Discriminator: -E[real] + E[fake^2 / 4 + fake]
Generator:     -E[fake^2 / 4 + fake]
Derivative:    of the generator's loss by a fake logit -(logit / 2 + 1)
Optimum:       logit 2 (p / q - 1), at least -2
Saturates:     at a logit of -2; below it the derivative has the other sign
Source:        Nowozin et al. 2016, f-GAN, tables 2 and 6
"""

f_pearson_practical = f_gan_practical(_PEARSON)
"""The f-GAN of the Pearson divergence with the practical generator.

Discriminator: -E[real] + E[fake^2 / 4 + fake]
Generator:     -E[fake]
Derivative:    of the generator's loss by a fake logit -1
Optimum:       logit 2 (p / q - 1), at least -2, where the generator's gradient is that of 2 KL(p || q)
Saturates:     nowhere
Source:        Nowozin et al. 2016, f-GAN, section 3.2
"""

f_hellinger = f_gan(_HELLINGER)
"""The f-GAN of the squared Hellinger distance, the integral of (sqrt p - sqrt q)^2, f(u) = (sqrt u - 1)^2.

Discriminator: E[exp(-real) - 1] + E[exp(fake) - 1]
Generator:     -E[exp(fake) - 1]
Derivative:    of the generator's loss by a fake logit -exp(logit)
Optimum:       logit log(p / q) / 2
Saturates:     at low logits; it overflows to minus infinity above a logit of 88.72 in float32, honestly; the
               discriminator's fake part does so there, too, and its real part below -88.72
Source:        Nowozin et al. 2016, f-GAN, tables 2 and 6
"""

f_hellinger_practical = f_gan_practical(_HELLINGER)
"""The f-GAN of the squared Hellinger distance with the practical generator.

Discriminator: E[exp(-real) - 1] + E[exp(fake) - 1]
Generator:     E[exp(-fake) - 1]
Derivative:    of the generator's loss by a fake logit -exp(-logit)
Optimum:       logit log(p / q) / 2
Saturates:     at high logits; it overflows to infinity below a logit of -88.72 in float32, honestly, as does the
               discriminator's real part, and its fake part above 88.72
Source:        Nowozin et al. 2016, f-GAN, section 3.2
"""

f_jensen_shannon = f_gan(_JENSEN_SHANNON)
"""The f-GAN of 2 JSD(p, q): `minimax` up to the constant log 4.

Discriminator: E[softplus(-real)] + E[softplus(fake)] - log 4
Generator:     -E[softplus(fake)] + log 2
Derivative:    of the generator's loss by a fake logit -D
Optimum:       logit log(p / q)
Saturates:     at low logits, as `minimax`
Source:        Nowozin et al. 2016, f-GAN, tables 2 and 6 (whose f(u) = u log u - (u + 1) log((u + 1) / 2))
"""

f_jensen_shannon_practical = f_gan_practical(_JENSEN_SHANNON)
"""The f-GAN of 2 JSD(p, q) with the practical generator: `non_saturating` up to constants.

Discriminator: E[softplus(-real)] + E[softplus(fake)] - log 4
Generator:     E[softplus(-fake)] - log 2
Derivative:    of the generator's loss by a fake logit D - 1
Optimum:       logit log(p / q)
Saturates:     at high logits, as `non_saturating`
Source:        Nowozin et al. 2016, f-GAN, section 3.2
"""
