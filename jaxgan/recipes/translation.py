"""From an image to an image: a game whose condition is a picture, with the distance to its own target beside it."""

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
    """Image to image: fool the discriminator of inputs and outputs together, and be near the target.

    The batch has the target as x and the input image as y. The paper's batches are of 1 to 10 pairs, by data set. All
    weights are numbers alone, so that one program trains with any of them: `adversarial=0` leaves L1, or L2 with
    `l1=0`, whose answers are the conditional median and mean of every pixel; with `l1=0` the game is alone.

    Loss:    non_saturating on every patch
    Terms:   G: l1_to_real(100)
    Updates: alternating; Adam 2e-4, 0.5, 0.999
    Paper:   Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks

    Args:
      generator: a linen module, (z, y) -> x, such as `jaxgan.nn.UNetGenerator`.
      discriminator: a linen module, (x, y) -> logits, of patches or not, such as `jaxgan.nn.PatchDiscriminator`.
      adversarial: weight of the adversarial loss of the generator.
      l1: weight of the mean absolute difference from the target, or a schedule of the step.
      l2: weight of the mean squared difference from the target, or a schedule of the step.
      d_weight: weight of the discriminator's loss; one half slows it down in the paper, with Adam hardly.

    Raises:
      ValueError: a weight that is negative or not finite; when traced, batches without a condition.

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
