"""Recipes that constrain the discriminator: weight clipping, gradient penalties, spectral normalization."""

from typing import Any

import optax

from jaxgan import losses, terms
from jaxgan.checks import check_coefficient
from jaxgan.dynamics import alternating, critic_warm_up
from jaxgan.game import adversarial_game
from jaxgan.optim import clip_params
from jaxgan.recipes.alternating_adam import gan
from jaxgan.recipes.common import (
    MakeGame,
    Rate,
    Size,
    refusing_batch_norm,
    rmsprop,
    spectrally_normalized,
    with_ema,
    without_batch_norm,
)
from jaxgan.types import Algorithm, Prior


def wgan(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: Rate = 5e-5,
    lr_d: Rate = 5e-5,
    clip: float = 0.01,
    d_steps: int = 5,
    warm: int = 100,
    batch_size: Size = 64,
    make_game: MakeGame = adversarial_game,
) -> Algorithm:
    """Wasserstein GAN with weight clipping.

    The weights are clipped after each critic update, as in the paper's algorithm 1; the authors' code clips before it.
    The critic gets `warm` updates in each of the first 25 steps and in every 500th step, as in their code.

    Loss:    wasserstein
    Terms:   none; critic weights clipped to [-0.01, 0.01]
    Updates: alternating, 5 to 1, at times 100 to 1; RMSprop 5e-5, decay 0.99, eps 1e-8 outside the root
    Paper:   Arjovsky et al. 2017, Wasserstein GAN

    Args:
      clip: bound on the absolute value of each critic weight.
      warm: critic updates in each of the first 25 steps and in every 500th step.

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.wgan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    game = make_game(generator, discriminator, prior, losses.wasserstein)
    check_coefficient("clip", clip)
    d_tx = optax.chain(rmsprop(lr_d, name="lr_d"), clip_params(clip))
    g_tx, steps = rmsprop(lr_g, name="lr_g"), critic_warm_up(d_steps, warm)
    return alternating(game, g_tx, d_tx, d_steps=steps, batch_size=batch_size)


def wgan_gp(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: Rate = 1e-4,
    lr_d: Rate = 1e-4,
    b1: float = 0.0,
    b2: float = 0.9,
    weight: terms.Coefficient = 10.0,
    d_steps: int = 5,
    batch_size: Size = 64,
    make_game: MakeGame = adversarial_game,
) -> Algorithm:
    """Wasserstein GAN with a gradient penalty.

    Loss:    wasserstein
    Terms:   D: gradient_penalty(10); no batch norm in D
    Updates: alternating, 5 to 1; Adam 1e-4, 0, 0.9
    Paper:   Gulrajani et al. 2017, Improved Training of Wasserstein GANs

    Args:
      weight: weight of the penalty, or a schedule of the step.

    Raises:
      ValueError: when `init` is called, the discriminator has batch normalization and no field `batch_norm` to turn
        off.

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.wgan_gp(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    algorithm = gan(
        generator,
        without_batch_norm(discriminator),
        prior,
        loss=losses.wasserstein,
        d_terms=(terms.gradient_penalty(weight),),
        lr_g=lr_g,
        lr_d=lr_d,
        b1=b1,
        b2=b2,
        d_steps=d_steps,
        batch_size=batch_size,
        make_game=make_game,
    )
    return refusing_batch_norm(algorithm, "wgan_gp")


def sngan(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: Rate = 2e-4,
    lr_d: Rate = 2e-4,
    b1: float = 0.0,
    b2: float = 0.9,
    d_steps: int = 5,
    batch_size: Size = 64,
    make_game: MakeGame = adversarial_game,
) -> Algorithm:
    """Spectral normalization of the discriminator.

    The authors' code draws 128 fake examples for the generator's update and decays the learning rates linearly to 0;
    to reproduce that, pass `BatchSizes` and schedules.

    Loss:    hinge
    Terms:   none; every kernel of D divided by its spectral norm, no batch norm in D
    Updates: alternating, 5 to 1; Adam 2e-4, 0, 0.9
    Paper:   Miyato et al. 2018, Spectral Normalization for Generative Adversarial Networks

    Raises:
      ValueError: the discriminator has no field `spectral_norm` to turn on.

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.sngan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    return gan(
        generator,
        spectrally_normalized(without_batch_norm(discriminator), "sngan"),
        prior,
        loss=losses.hinge,
        lr_g=lr_g,
        lr_d=lr_d,
        b1=b1,
        b2=b2,
        d_steps=d_steps,
        batch_size=batch_size,
        make_game=make_game,
    )


def dragan(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: Rate = 1e-4,
    lr_d: Rate = 1e-4,
    b1: float = 0.5,
    b2: float = 0.9,
    weight: terms.Coefficient = 10.0,
    d_steps: int = 1,
    batch_size: Size = 64,
    make_game: MakeGame = adversarial_game,
) -> Algorithm:
    """A gradient penalty in the neighborhood of the data.

    Loss:    non_saturating
    Terms:   D: dragan(10); no batch norm in D
    Updates: alternating, 1 to 1; Adam 1e-4, 0.5, 0.9 (as in the authors' notebook)
    Paper:   Kodali et al. 2017, On Convergence and Stability of GANs

    Args:
      weight: weight of the penalty, or a schedule of the step.

    Raises:
      ValueError: when `init` is called, the discriminator has batch normalization and no field `batch_norm` to turn
        off.

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.dragan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    algorithm = gan(
        generator,
        without_batch_norm(discriminator),
        prior,
        loss=losses.non_saturating,
        d_terms=(terms.dragan(weight),),
        lr_g=lr_g,
        lr_d=lr_d,
        b1=b1,
        b2=b2,
        d_steps=d_steps,
        batch_size=batch_size,
        make_game=make_game,
    )
    return refusing_batch_norm(algorithm, "dragan")


def r1_gan(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: Rate = 1e-4,
    lr_d: Rate = 1e-4,
    gamma: terms.Coefficient = 10.0,
    ema: float | None = 0.999,
    d_steps: int = 1,
    batch_size: Size = 64,
    make_game: MakeGame = adversarial_game,
) -> Algorithm:
    """The R1 penalty: the discriminator's squared gradient norm on real data.

    The authors' code omits the factor 1/2, so its weight of 10 corresponds to gamma = 20 here.

    Loss:    non_saturating
    Terms:   D: r1(10), gamma/2 E|grad D|^2; no batch norm in D
    Updates: alternating, 1 to 1; RMSprop 1e-4, decay 0.99, eps 1e-8 outside the root; EMA of G 0.999
    Paper:   Mescheder et al. 2018, Which Training Methods for GANs do actually Converge?

    Args:
      gamma: weight of the penalty, or a schedule of the step.

    Raises:
      ValueError: when `init` is called, the discriminator has batch normalization and no field `batch_norm` to turn
        off.

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.r1_gan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    critic, penalty = without_batch_norm(discriminator), terms.r1(gamma)
    game = make_game(generator, critic, prior, losses.non_saturating, d_terms=(penalty,))
    g_tx, d_tx = rmsprop(lr_g, name="lr_g"), rmsprop(lr_d, name="lr_d")
    algorithm = alternating(game, g_tx, d_tx, d_steps=d_steps, batch_size=batch_size)
    return refusing_batch_norm(with_ema(algorithm, ema), "r1_gan")
