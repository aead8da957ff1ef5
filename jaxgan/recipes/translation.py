"""Image-to-image translation: a game conditioned on an image, plus the distance from the paired target image."""

from typing import Any

from jaxgan import losses, terms
from jaxgan.checks import check_coefficient
from jaxgan.game import adversarial_game
from jaxgan.recipes.alternating_adam import gan
from jaxgan.recipes.common import MakeGame, Rate, Size
from jaxgan.types import Algorithm, Array, Loss, Prior


def pix2pix(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: Rate = 2e-4,
    lr_d: Rate = 2e-4,
    b1: float = 0.5,
    b2: float = 0.999,
    adversarial: float = 1.0,
    l1: terms.Coefficient = 100.0,
    l2: terms.Coefficient = 0.0,
    d_weight: float = 0.5,
    batch_size: Size = 10,
    make_game: MakeGame = adversarial_game,
) -> Algorithm:
    """Image-to-image translation: a conditional adversarial loss plus the L1 distance to the target.

    A batch has the target image as x and the input image as y; the discriminator sees both. The paper uses batches of 1
    to 10 pairs, depending on the data set. No weight selects code, so one compiled program trains with any weights.
    `adversarial=0` leaves only L1 (or only L2, with `l1=0`), whose minimizers are the conditional median (or mean) of
    each pixel; `l1=0` leaves only the adversarial game.

    Loss:    non_saturating on each patch
    Terms:   G: l1_to_real(100)
    Updates: alternating; Adam 2e-4, 0.5, 0.999
    Paper:   Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks

    Args:
      generator: a linen module, (z, y) -> x, such as `jaxgan.nn.UNetGenerator`.
      discriminator: a linen module, (x, y) -> logits, per patch or per image, such as `jaxgan.nn.PatchDiscriminator`.
      adversarial: weight of the generator's adversarial loss.
      l1: weight of the mean absolute difference from the target, or a schedule of the step.
      l2: weight of the mean squared difference from the target, or a schedule of the step.
      d_weight: weight of the discriminator's loss; the paper uses 1/2 to slow the discriminator down, but with Adam it
        has hardly any effect.

    Raises:
      ValueError: a weight is negative or not finite; when traced, the batches have no condition.

    Example:
      >>> import jaxgan as jg
      >>> networks = jg.nn.UNetGenerator(32, channels=3, width=16), jg.nn.PatchDiscriminator(width=16)
      >>> algorithm = jg.recipes.pix2pix(*networks, jg.normal_prior(1), l1=10.0)
    """
    check_coefficient("adversarial", adversarial)
    check_coefficient("d_weight", d_weight)

    def d_loss(real_logits: Array, fake_logits: Array) -> tuple[Array, Array]:
        real, fake = losses.cross_entropy_discriminator(real_logits, fake_logits)
        return d_weight * real, d_weight * fake

    def g_loss(real_logits: Array, fake_logits: Array) -> Array:
        return adversarial * losses.non_saturating_generator(real_logits, fake_logits)

    return gan(
        generator,
        discriminator,
        prior,
        loss=Loss(d_loss, g_loss),
        g_terms=(terms.l1_to_real(l1), terms.l2_to_real(l2)),
        lr_g=lr_g,
        lr_d=lr_d,
        b1=b1,
        b2=b2,
        batch_size=batch_size,
        make_game=make_game,
    )
