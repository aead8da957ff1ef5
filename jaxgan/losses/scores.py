"""Losses for a discriminator whose output is an unbounded score rather than a probability.

Below, p is the distribution of the data and q that of the generator.
"""

import jax

from jaxgan.checks import check_coefficient
from jaxgan.types import FakeLogits, Loss, LossInfo, RealLogits


def _wasserstein_discriminator(real_logits: RealLogits, fake_logits: FakeLogits) -> tuple[RealLogits, FakeLogits]:
    return -real_logits, fake_logits


def _higher_score(real_logits: RealLogits, fake_logits: FakeLogits) -> FakeLogits:
    del real_logits
    return -fake_logits


def _hinge_discriminator(real_logits: RealLogits, fake_logits: FakeLogits) -> tuple[RealLogits, FakeLogits]:
    return jax.nn.relu(1 - real_logits), jax.nn.relu(1 + fake_logits)


wasserstein = Loss(
    _wasserstein_discriminator,
    _higher_score,
    LossInfo(
        "wasserstein",
        "The difference of mean scores, whose maximum over 1-Lipschitz critics is the Wasserstein distance W1(p, q).",
        discriminator="-E[real] + E[fake]",
        generator="-E[fake]",
        derivative="-1",
        optimum=(
            "none without a constraint: the loss has no lower bound. Over scores in [-c, c] it is c "
            "sign(p - q), over functions of slope at most 1 a Kantorovich potential; clip the weights or "
            "add a gradient penalty"
        ),
        saturates="nowhere",
        source="Arjovsky et al. 2017, Wasserstein GAN, equation 2",
    ),
)

hinge = Loss(
    _hinge_discriminator,
    _higher_score,
    LossInfo(
        "hinge",
        "The discriminator stops at a margin of 1; the generator raises its score.",
        discriminator="E[relu(1 - real)] + E[relu(1 + fake)]",
        generator="-E[fake]",
        derivative="-1",
        optimum="sign(p - q) where p and q differ; anything in [-1, 1] where they are equal",
        saturates="the discriminator beyond its margin, where its derivative is exactly 0; the generator nowhere",
        source="Lim and Ye 2017, Geometric GAN; Tran et al. 2017, Hierarchical Implicit Models",
    ),
)


def least_squares_loss(fake: float = 0.0, real: float = 1.0, generator: float = 1.0) -> Loss:
    """Least squares with the targets a = `fake`, b = `real` and c = `generator`, applied to scores, not probabilities.

    Discriminator: E[(real - b)^2] / 2 + E[(fake - a)^2] / 2
    Generator:     E[(fake - c)^2] / 2
    Derivative:    of the generator's loss with respect to a fake score: score - c
    Optimum:       (b p + a q) / (p + q)
    Saturates:     at a score of c; far from it the derivative grows without bound
    Source:        Mao et al. 2017, Least Squares Generative Adversarial Networks, equation 2

    With b - c = 1 and b - a = 2, E[(real - c)^2] / 2 + E[(fake - c)^2] / 2 at the optimal discriminator is half the
    Pearson divergence between p + q and 2 q. The generator's loss is only the second term, and its gradient at a fixed
    discriminator is not the gradient of the divergence.

    Raises:
      ValueError: a target is not finite.

    Example:
      >>> import jax.numpy as jnp
      >>> float(least_squares_loss(-1.0, 1.0, 0.0).generator(jnp.zeros(()), jnp.float32(3.0)))
      4.5
    """
    for name, target in (("fake", fake), ("real", real), ("generator", generator)):
        check_coefficient(name, target, lowest=None)

    def d_loss(real_logits: RealLogits, fake_logits: FakeLogits) -> tuple[RealLogits, FakeLogits]:
        return 0.5 * (real_logits - real) ** 2, 0.5 * (fake_logits - fake) ** 2

    def g_loss(real_logits: RealLogits, fake_logits: FakeLogits) -> FakeLogits:
        del real_logits
        return 0.5 * (fake_logits - generator) ** 2

    return Loss(d_loss, g_loss)


least_squares = Loss(
    *least_squares_loss(),
    LossInfo(
        "least_squares",
        "Least squares with the targets 0 for fake and 1 for real, which the generator aims at.",
        discriminator="E[(real - 1)^2] / 2 + E[fake^2] / 2",
        generator="E[(fake - 1)^2] / 2",
        derivative="score - 1",
        optimum="p / (p + q)",
        saturates="at a score of 1; far from it the derivative grows without bound",
        source="Mao et al. 2017, Least Squares Generative Adversarial Networks, equation 9",
    ),
)
