"""Relativistic losses: functions of the difference between real and fake logits.

Adding a constant to all logits changes none of them. Below, p is the distribution of the data and q that of the
generator.
"""

import jax
import jax.numpy as jnp

from jaxgan.losses.zero_sum import zero_sum
from jaxgan.types import FakeLogits, Loss, LossInfo, RealLogits


def _real_above_fake(real_logits: RealLogits, fake_logits: FakeLogits) -> FakeLogits:
    return jax.nn.softplus(-_paired(real_logits, fake_logits))


def _fake_above_real(real_logits: RealLogits, fake_logits: FakeLogits) -> FakeLogits:
    return jax.nn.softplus(_paired(real_logits, fake_logits))


def _paired(real_logits: RealLogits, fake_logits: FakeLogits) -> FakeLogits:
    # A batch of one would broadcast against a larger batch, so the shapes are checked here.
    if jnp.shape(real_logits) != jnp.shape(fake_logits):
        raise ValueError(
            "a paired loss needs as many real as fake logits: "
            f"got shapes {jnp.shape(real_logits)} and {jnp.shape(fake_logits)}"
        )
    return real_logits - fake_logits


def _above_average(real_logits: RealLogits, fake_logits: FakeLogits) -> tuple[RealLogits, FakeLogits]:
    return (
        jax.nn.softplus(-(real_logits - jnp.mean(fake_logits))),
        jax.nn.softplus(fake_logits - jnp.mean(real_logits)),
    )


def _fakes_above_average(real_logits: RealLogits, fake_logits: FakeLogits) -> tuple[RealLogits, FakeLogits]:
    return (
        jax.nn.softplus(real_logits - jnp.mean(fake_logits)),
        jax.nn.softplus(-(fake_logits - jnp.mean(real_logits))),
    )


relativistic = Loss(
    _real_above_fake,
    _fake_above_real,
    LossInfo(
        "relativistic",
        "The paired relativistic loss (RpGAN) in its non-saturating form; it needs as many real as fake examples.",
        discriminator="E[softplus(-(real - fake))], over pairs",
        generator="E[softplus(-(fake - real))]",
        derivative="-sigmoid(real - fake)",
        optimum="log(p / q) plus any constant",
        saturates="where a fake's logit is far above that of the real example it is paired with",
        source="Jolicoeur-Martineau 2019, The relativistic discriminator; Huang et al. 2024, The GAN is dead (R3GAN)",
    ),
)

relativistic_minimax = Loss(
    *zero_sum(relativistic),
    LossInfo(
        "relativistic_minimax",
        "The paired relativistic loss (RpGAN) as a zero-sum game; it needs as many real as fake examples.",
        discriminator="E[softplus(-(real - fake))], over pairs",
        generator="-E[softplus(-(real - fake))]",
        derivative="-sigmoid(fake - real)",
        optimum="log(p / q) plus any constant",
        saturates="where a fake's logit is far below that of the real example it is paired with",
        source=(
            "Jolicoeur-Martineau 2020, On Relativistic f-Divergences; Sun et al. 2020, Towards a Better "
            "Global Loss Landscape of GANs"
        ),
    ),
)

relativistic_average = Loss(
    _above_average,
    _fakes_above_average,
    LossInfo(
        "relativistic_average",
        "The relativistic average loss (RaGAN) in its non-saturating form: each logit against the other side's mean.",
        discriminator="E[softplus(-(real - mean fake))] + E[softplus(fake - mean real)]",
        generator="E[softplus(real - mean fake)] + E[softplus(-(fake - mean real))]",
        derivative="-sigmoid(mean real - fake) - mean sigmoid(real - mean fake)",
        optimum="no closed form: the means tie all points together",
        saturates="where fakes lie far above the mean of the real ones",
        source="Jolicoeur-Martineau 2019, The relativistic discriminator: a key element missing from standard GAN",
    ),
)

relativistic_average_minimax = Loss(
    *zero_sum(relativistic_average),
    LossInfo(
        "relativistic_average_minimax",
        "The relativistic average loss (RaGAN) as a zero-sum game.",
        discriminator="E[softplus(-(real - mean fake))] + E[softplus(fake - mean real)]",
        generator="minus the same",
        derivative="-sigmoid(fake - mean real) - mean sigmoid(mean fake - real)",
        optimum="no closed form: the means tie all points together",
        saturates="where fakes lie far below the mean of the real ones",
        source="Jolicoeur-Martineau 2020, On Relativistic f-Divergences",
    ),
)
