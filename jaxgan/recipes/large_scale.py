"""Large networks and large batches."""

from typing import Any

from jaxgan import losses, terms
from jaxgan.checks import check_coefficient
from jaxgan.game import adversarial_game
from jaxgan.recipes.alternating_adam import gan
from jaxgan.recipes.common import MakeGame, Rate, Size, spectrally_normalized, with_fields, without_batch_norm
from jaxgan.types import Algorithm, Prior


def biggan(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: Rate = 5e-5,
    lr_d: Rate = 2e-4,
    b1: float = 0.0,
    b2: float = 0.999,
    orthogonal: terms.Coefficient = 1e-4,
    ema: float | None = 0.9999,
    d_steps: int = 2,
    batch_size: Size = 256,
    make_game: MakeGame = adversarial_game,
) -> Algorithm:
    """The hinge loss with a learning rate per player, large batches, and spectral normalization of both players.

    A generator without a field `spectral_norm` is left unchanged. Settings are those of the paper for ImageNet at 128
    pixels, except for the batch size: 256 is the smallest in its table 1, while its best models use 2,048. The authors'
    code (BigGAN-PyTorch) trains on CIFAR-10 with batches of 50, 4 updates of D per update of G, and a learning rate of
    2e-4 for both. The paper samples with standing statistics (`jg.standing_statistics`) and truncated latents
    (`jg.truncated_prior`).

    Loss:    hinge
    Terms:   G: orthogonal(1e-4), on kernels; kernels divided by their spectral norm, no batch norm in D
    Updates: alternating, 2 to 1; Adam 0, 0.999 with 5e-5 for G and 2e-4 for D; EMA of G 0.9999; batches of 256
    Paper:   Brock et al. 2019, Large Scale GAN Training for High Fidelity Natural Image Synthesis

    Args:
      orthogonal: weight of the penalty on non-orthogonal columns of the generator's kernels, or a schedule of the step.

    Raises:
      ValueError: a setting is out of range, or the discriminator has no field `spectral_norm` to turn on.

    Example:
      >>> import jaxgan as jg
      >>> networks = jg.nn.BigGANGenerator(16, 3, classes=10), jg.nn.BigGANDiscriminator(classes=10)
      >>> algorithm = jg.recipes.biggan(*networks, jg.normal_prior(120), batch_size=64)
    """
    check_coefficient("orthogonal", orthogonal, schedule=True)
    normalized = with_fields(generator, spectral_norm=True)
    return gan(
        generator if normalized is None else normalized,
        spectrally_normalized(without_batch_norm(discriminator), "biggan"),
        prior,
        loss=losses.hinge,
        g_terms=(terms.orthogonal(orthogonal),),
        lr_g=lr_g,
        lr_d=lr_d,
        b1=b1,
        b2=b2,
        d_steps=d_steps,
        ema=ema,
        batch_size=batch_size,
        make_game=make_game,
    )
