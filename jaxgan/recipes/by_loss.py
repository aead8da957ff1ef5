"""Recipes for papers that contribute a loss: `gan` with that loss and the paper's settings."""

from typing import Any

from jaxgan import losses
from jaxgan.game import adversarial_game
from jaxgan.recipes.alternating_adam import gan
from jaxgan.recipes.common import MakeGame, Rate, Size
from jaxgan.types import Algorithm, Prior


def minimax_gan(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: Rate = 2e-4,
    lr_d: Rate = 2e-4,
    b1: float = 0.5,
    b2: float = 0.999,
    d_steps: int = 1,
    batch_size: Size = 64,
    make_game: MakeGame = adversarial_game,
) -> Algorithm:
    """The original minimax GAN: the generator minimizes log(1 - D(G(z))).

    Loss:    minimax
    Terms:   none
    Updates: alternating, 1 to 1; Adam 2e-4, 0.5, 0.999 (as in DCGAN; the paper uses momentum)
    Paper:   Goodfellow et al. 2014, Generative Adversarial Nets

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.minimax_gan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    return gan(
        generator,
        discriminator,
        prior,
        loss=losses.minimax,
        lr_g=lr_g,
        lr_d=lr_d,
        b1=b1,
        b2=b2,
        d_steps=d_steps,
        batch_size=batch_size,
        make_game=make_game,
    )


def ns_gan(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: Rate = 2e-4,
    lr_d: Rate = 2e-4,
    b1: float = 0.5,
    b2: float = 0.999,
    d_steps: int = 1,
    batch_size: Size = 64,
    make_game: MakeGame = adversarial_game,
) -> Algorithm:
    """The non-saturating GAN: the generator minimizes -log D(G(z)).

    Loss:    non_saturating
    Terms:   none
    Updates: alternating, 1 to 1; Adam 2e-4, 0.5, 0.999 (as in DCGAN; the paper uses momentum)
    Paper:   Goodfellow et al. 2014, Generative Adversarial Nets, section 3

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.ns_gan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    return gan(
        generator,
        discriminator,
        prior,
        loss=losses.non_saturating,
        lr_g=lr_g,
        lr_d=lr_d,
        b1=b1,
        b2=b2,
        d_steps=d_steps,
        batch_size=batch_size,
        make_game=make_game,
    )


def lsgan(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: Rate = 2e-4,
    lr_d: Rate = 2e-4,
    b1: float = 0.5,
    b2: float = 0.999,
    d_steps: int = 1,
    batch_size: Size = 64,
    make_game: MakeGame = adversarial_game,
) -> Algorithm:
    """Least squares GAN, with the loss applied to unbounded scores.

    Loss:    least_squares, targets 0, 1, 1
    Terms:   none
    Updates: alternating, 1 to 1; Adam 2e-4, 0.5, 0.999 (as in DCGAN)
    Paper:   Mao et al. 2017, Least Squares Generative Adversarial Networks

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.lsgan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    return gan(
        generator,
        discriminator,
        prior,
        loss=losses.least_squares,
        lr_g=lr_g,
        lr_d=lr_d,
        b1=b1,
        b2=b2,
        d_steps=d_steps,
        batch_size=batch_size,
        make_game=make_game,
    )


def hinge_gan(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: Rate = 1e-4,
    lr_d: Rate = 4e-4,
    b1: float = 0.0,
    b2: float = 0.9,
    batch_size: Size = 64,
    make_game: MakeGame = adversarial_game,
) -> Algorithm:
    """The hinge loss, with a separate learning rate for each player (two time-scale updates).

    Loss:    hinge
    Terms:   none
    Updates: alternating, 1 to 1; Adam 0, 0.9 with 1e-4 for G and 4e-4 for D (as in Zhang et al. 2019, SAGAN)
    Paper:   Lim and Ye 2017, Geometric GAN

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.hinge_gan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    return gan(
        generator,
        discriminator,
        prior,
        loss=losses.hinge,
        lr_g=lr_g,
        lr_d=lr_d,
        b1=b1,
        b2=b2,
        batch_size=batch_size,
        make_game=make_game,
    )


def ragan(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: Rate = 2e-4,
    lr_d: Rate = 2e-4,
    b1: float = 0.5,
    b2: float = 0.999,
    d_steps: int = 1,
    batch_size: Size = 64,
    make_game: MakeGame = adversarial_game,
) -> Algorithm:
    """The relativistic average loss (RaSGAN). The authors use batches of 32 examples.

    Loss:    relativistic_average
    Terms:   none
    Updates: alternating, 1 to 1; Adam 2e-4, 0.5, 0.999
    Paper:   Jolicoeur-Martineau 2019, The relativistic discriminator

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.ragan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    return gan(
        generator,
        discriminator,
        prior,
        loss=losses.relativistic_average,
        lr_g=lr_g,
        lr_d=lr_d,
        b1=b1,
        b2=b2,
        d_steps=d_steps,
        batch_size=batch_size,
        make_game=make_game,
    )


def dcgan(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: Rate = 2e-4,
    lr_d: Rate = 2e-4,
    b1: float = 0.5,
    b2: float = 0.999,
    batch_size: Size = 128,
    make_game: MakeGame = adversarial_game,
) -> Algorithm:
    """The non-saturating loss with the DCGAN optimizer settings; `jg.nn` has the networks.

    Identical to `ns_gan` except for the batch size; the paper's contribution is the architecture.

    Loss:    non_saturating
    Terms:   none
    Updates: alternating, 1 to 1; Adam 2e-4, 0.5, 0.999; batches of 128
    Paper:   Radford et al. 2016, Unsupervised Representation Learning with Deep Convolutional GANs

    Example:
      >>> import jaxgan as jg
      >>> networks = jg.nn.DCGANGenerator(8, 1), jg.nn.DCGANDiscriminator()
      >>> algorithm = jg.recipes.dcgan(*networks, jg.normal_prior(64))
    """
    return gan(
        generator,
        discriminator,
        prior,
        loss=losses.non_saturating,
        lr_g=lr_g,
        lr_d=lr_d,
        b1=b1,
        b2=b2,
        batch_size=batch_size,
        make_game=make_game,
    )
