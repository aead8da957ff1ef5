"""One function per paper: (generator, discriminator, prior, *, settings) -> Algorithm, each a composition of parts.

Settings default to the paper's, or its authors' code's, and a docstring says where they are others. Networks are the
caller's, so a recipe fixes the loss, the terms, the update rule and the optimizers, and of the networks only what its
method is about: `sngan` asks for spectral normalization, `pacgan` packs, and where a penalty is on the gradient by one
example, a discriminator's `batch_norm` is turned off. Every
number that is a float can be swept with `vmap`; none of them selects code. Learning rates may be schedules.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import optax

from jaxgan import losses, terms
from jaxgan.checks import check_coefficient
from jaxgan.dynamics import alternating, averaged, critic_warm_up, simultaneous, two_time_scales, unrolled
from jaxgan.dynamics.moves import batch_sizes
from jaxgan.game import adversarial_game
from jaxgan.nn import Packed
from jaxgan.optim import clip_params
from jaxgan.types import Algorithm, BatchSizes, Game, Prior

Size = int | BatchSizes


def _adam(lr: Any, b1: Any, b2: Any, **more: Any) -> optax.GradientTransformation:
    check_coefficient("a learning rate", lr, schedule=True)
    check_coefficient("b1", b1, below=1.0)
    check_coefficient("b2", b2, below=1.0)
    return optax.adam(lr, b1, b2, **more)


def _by_adam(game: Game, lr_g: Any, lr_d: Any, b1: Any, b2: Any, batch_size: Size, d_steps: int = 1) -> Algorithm:
    g_tx, d_tx = _adam(lr_g, b1, b2), _adam(lr_d, b1, b2)
    return alternating(game, g_tx, d_tx, batch_size=batch_size, d_steps=d_steps)


def _rmsprop(lr: Any) -> optax.GradientTransformation:
    """PyTorch's and the papers', with eps outside of the root; optax's own defaults are a decay of 0.9 and inside."""
    check_coefficient("a learning rate", lr, schedule=True)
    return optax.rmsprop(lr, decay=0.99, eps=1e-8, eps_in_sqrt=False)


def gan(
    generator: Any, discriminator: Any, prior: Prior, *, loss: Any = losses.non_saturating, lr_g: float = 2e-4,
    lr_d: float = 2e-4, b1: float = 0.5, b2: float = 0.999, d_steps: int = 1, batch_size: Size = 64,
    ema: float | None = None, label_noise: float = 0.0,
) -> Algorithm:  # fmt: skip
    """Any loss: alternating Adam."""
    labelling = losses.flipped_labels(label_noise) if label_noise else None
    game = adversarial_game(generator, discriminator, prior, loss, labelling=labelling)
    algorithm = _by_adam(game, lr_g, lr_d, b1, b2, batch_size, d_steps)
    return algorithm if ema is None else averaged(algorithm, ema)


def minimax_gan(
    generator: Any, discriminator: Any, prior: Prior, *, lr_g: float = 2e-4, lr_d: float = 2e-4, b1: float = 0.5,
    b2: float = 0.999, d_steps: int = 1, batch_size: Size = 64,
) -> Algorithm:  # fmt: skip
    """The GAN of the theory: the generator minimizes log(1 - D(G(z))).

    Loss:    minimax
    Terms:   none
    Updates: alternating, 1 to 1; Adam 2e-4, 0.5, 0.999 (of DCGAN; the paper has momentum)
    Paper:   Goodfellow et al. 2014, Generative Adversarial Nets

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.minimax_gan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    game = adversarial_game(generator, discriminator, prior, losses.minimax)
    return _by_adam(game, lr_g, lr_d, b1, b2, batch_size, d_steps)


def ns_gan(
    generator: Any, discriminator: Any, prior: Prior, *, lr_g: float = 2e-4, lr_d: float = 2e-4, b1: float = 0.5,
    b2: float = 0.999, d_steps: int = 1, batch_size: Size = 64,
) -> Algorithm:  # fmt: skip
    """The GAN of practice: the generator minimizes -log D(G(z)).

    Loss:    non_saturating
    Terms:   none
    Updates: alternating, 1 to 1; Adam 2e-4, 0.5, 0.999 (of DCGAN; the paper has momentum)
    Paper:   Goodfellow et al. 2014, Generative Adversarial Nets, section 3

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.ns_gan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    game = adversarial_game(generator, discriminator, prior, losses.non_saturating)
    return _by_adam(game, lr_g, lr_d, b1, b2, batch_size, d_steps)


def wgan(
    generator: Any, discriminator: Any, prior: Prior, *, lr_g: float = 5e-5, lr_d: float = 5e-5, clip: float = 0.01,
    d_steps: int = 5, warm: int = 100, batch_size: Size = 64,
) -> Algorithm:  # fmt: skip
    """Wasserstein GAN with clipped weights.

    Each critic update is followed by clipping, as in the paper's algorithm 1; the authors' code clips before it.
    `warm` critic updates come at the first 25 steps and at every 500th, as in their code.

    Loss:    wasserstein
    Terms:   none; critic weights clipped to 0.01
    Updates: alternating, 5 to 1, with 100 to 1 at times; RMSprop 5e-5, decay 0.99, eps 1e-8 outside of the root
    Paper:   Arjovsky et al. 2017, Wasserstein GAN

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.wgan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    game = adversarial_game(generator, discriminator, prior, losses.wasserstein)
    d_tx = optax.chain(_rmsprop(lr_d), clip_params(clip))
    return alternating(game, _rmsprop(lr_g), d_tx, d_steps=critic_warm_up(d_steps, warm), batch_size=batch_size)


def wgan_gp(
    generator: Any, discriminator: Any, prior: Prior, *, lr_g: float = 1e-4, lr_d: float = 1e-4, b1: float = 0.0,
    b2: float = 0.9, weight: float = 10.0, d_steps: int = 5, batch_size: Size = 64,
) -> Algorithm:  # fmt: skip
    """Wasserstein GAN with a gradient penalty.

    Loss:    wasserstein
    Terms:   D: gradient_penalty(10); no batch norm in D
    Updates: alternating, 5 to 1; Adam 1e-4, 0, 0.9
    Paper:   Gulrajani et al. 2017, Improved Training of Wasserstein GANs

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.wgan_gp(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    critic, penalty = _by_example(discriminator), terms.gradient_penalty(weight)
    game = adversarial_game(generator, critic, prior, losses.wasserstein, d_terms=(penalty,))
    return _by_adam(game, lr_g, lr_d, b1, b2, batch_size, d_steps)


def lsgan(
    generator: Any, discriminator: Any, prior: Prior, *, lr_g: float = 2e-4, lr_d: float = 2e-4, b1: float = 0.5,
    b2: float = 0.999, d_steps: int = 1, batch_size: Size = 64,
) -> Algorithm:  # fmt: skip
    """Least squares GAN, on scores.

    Loss:    least_squares, targets 0, 1, 1
    Terms:   none
    Updates: alternating, 1 to 1; Adam 2e-4, 0.5, 0.999 (of DCGAN)
    Paper:   Mao et al. 2017, Least Squares Generative Adversarial Networks

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.lsgan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    game = adversarial_game(generator, discriminator, prior, losses.least_squares)
    return _by_adam(game, lr_g, lr_d, b1, b2, batch_size, d_steps)


def hinge_gan(
    generator: Any, discriminator: Any, prior: Prior, *, lr_g: float = 1e-4, lr_d: float = 4e-4, b1: float = 0.0,
    b2: float = 0.9, batch_size: Size = 64,
) -> Algorithm:  # fmt: skip
    """The hinge loss with two time scales.

    Loss:    hinge
    Terms:   none
    Updates: alternating, 1 to 1; Adam 0, 0.9 with 1e-4 for G and 4e-4 for D (of Zhang et al. 2019, SAGAN)
    Paper:   Lim and Ye 2017, Geometric GAN

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.hinge_gan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    game = adversarial_game(generator, discriminator, prior, losses.hinge)
    return two_time_scales(game, partial(_adam, b1=b1, b2=b2), lr_g=lr_g, lr_d=lr_d, batch_size=batch_size)


def sngan(
    generator: Any, discriminator: Any, prior: Prior, *, lr_g: float = 2e-4, lr_d: float = 2e-4, b1: float = 0.0,
    b2: float = 0.9, d_steps: int = 5, batch_size: Size = 64,
) -> Algorithm:  # fmt: skip
    """Spectral normalization of the discriminator.

    The authors' code draws 128 fakes for the generator's update and lets the rates fall to 0, linearly: give
    `BatchSizes` and schedules.

    Loss:    hinge
    Terms:   none; every kernel of D divided by its spectral norm, no batch norm in D
    Updates: alternating, 5 to 1; Adam 2e-4, 0, 0.9
    Paper:   Miyato et al. 2018, Spectral Normalization for Generative Adversarial Networks

    Raises:
      ValueError: a discriminator without a field `spectral_norm` to turn on.

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.sngan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    critic = _with(_by_example(discriminator), spectral_norm=True)
    if critic is None:
        name = type(discriminator).__name__
        raise ValueError(f"sngan needs a discriminator with a field `spectral_norm`, as in jaxgan.nn, got {name}")
    game = adversarial_game(generator, critic, prior, losses.hinge)
    return _by_adam(game, lr_g, lr_d, b1, b2, batch_size, d_steps)


def dragan(
    generator: Any, discriminator: Any, prior: Prior, *, lr_g: float = 1e-4, lr_d: float = 1e-4, b1: float = 0.5,
    b2: float = 0.9, weight: float = 10.0, d_steps: int = 1, batch_size: Size = 64,
) -> Algorithm:  # fmt: skip
    """A gradient penalty around the data.

    Loss:    non_saturating
    Terms:   D: dragan(10); no batch norm in D
    Updates: alternating, 1 to 1; Adam 1e-4, 0.5, 0.9 (of the authors' notebook)
    Paper:   Kodali et al. 2017, On Convergence and Stability of GANs

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.dragan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    critic, penalty = _by_example(discriminator), terms.dragan(weight)
    game = adversarial_game(generator, critic, prior, losses.non_saturating, d_terms=(penalty,))
    return _by_adam(game, lr_g, lr_d, b1, b2, batch_size, d_steps)


def r1_gan(
    generator: Any, discriminator: Any, prior: Prior, *, lr_g: float = 1e-4, lr_d: float = 1e-4, gamma: float = 10.0,
    ema: float | None = 0.999, d_steps: int = 1, batch_size: Size = 64,
) -> Algorithm:  # fmt: skip
    """A penalty on the discriminator's gradient on the data.

    The authors' code has no 1/2: in these terms its gamma is 20.

    Loss:    non_saturating
    Terms:   D: r1(10), gamma/2 E|grad D|^2; no batch norm in D
    Updates: alternating, 1 to 1; RMSprop 1e-4, decay 0.99, eps 1e-8 outside of the root; average of G 0.999
    Paper:   Mescheder et al. 2018, Which Training Methods for GANs do actually Converge?

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.r1_gan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    critic, penalty = _by_example(discriminator), terms.r1(gamma)
    game = adversarial_game(generator, critic, prior, losses.non_saturating, d_terms=(penalty,))
    algorithm = alternating(game, _rmsprop(lr_g), _rmsprop(lr_d), d_steps=d_steps, batch_size=batch_size)
    return algorithm if ema is None else averaged(algorithm, ema)


def ragan(
    generator: Any, discriminator: Any, prior: Prior, *, lr_g: float = 2e-4, lr_d: float = 2e-4, b1: float = 0.5,
    b2: float = 0.999, d_steps: int = 1, batch_size: Size = 64,
) -> Algorithm:  # fmt: skip
    """The relativistic average loss (RaSGAN). The authors' batches have 32 examples.

    Loss:    relativistic_average
    Terms:   none
    Updates: alternating, 1 to 1; Adam 2e-4, 0.5, 0.999
    Paper:   Jolicoeur-Martineau 2019, The relativistic discriminator

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.ragan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    game = adversarial_game(generator, discriminator, prior, losses.relativistic_average)
    return _by_adam(game, lr_g, lr_d, b1, b2, batch_size, d_steps)


def r3gan(
    generator: Any, discriminator: Any, prior: Prior, *, lr_g: float = 2e-4, lr_d: float = 2e-4, b1: float = 0.0,
    b2: float = 0.99, gamma: terms.Coefficient = 1.0, ema: float | None = 0.999, batch_size: Size = 64,
) -> Algorithm:  # fmt: skip
    """The paired relativistic loss with a gradient penalty on both sides.

    The authors anneal everything by the data set: the rates from 2e-4 to 5e-5, b2 from 0.9 to 0.99, gamma to a tenth,
    and the half-life of the average from 0 to half a million images and more. These are constants in the middle of
    that, for a run that is short; gamma and the rates may be schedules.

    Loss:    relativistic
    Terms:   D: r1(1), r2(1), each gamma/2 E|grad D|^2; no batch norm in D
    Updates: alternating, 1 to 1; Adam 2e-4, 0, 0.99; average of G 0.999
    Paper:   Huang et al. 2024, The GAN is dead; long live the GAN!

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.r3gan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    critic, penalties = _by_example(discriminator), (terms.r1(gamma), terms.r2(gamma))
    game = adversarial_game(generator, critic, prior, losses.relativistic, d_terms=penalties)
    algorithm = _by_adam(game, lr_g, lr_d, b1, b2, batch_size)
    return algorithm if ema is None else averaged(algorithm, ema)


def unrolled_gan(
    generator: Any, discriminator: Any, prior: Prior, *, lr_g: float = 1e-3, lr_d: float = 1e-4, b1: float = 0.5,
    b2: float = 0.999, unroll_steps: int = 5, batch_size: Size = 512,
) -> Algorithm:  # fmt: skip
    """The generator differentiates through updates of the discriminator; settings of the authors' demonstration.

    Loss:    zero_sum(minimax): the generator minimizes V as a whole, whose real part looks ahead, too
    Terms:   none
    Updates: unrolled, 5 updates of D ahead; Adam 0.5, 0.999 with 1e-3 for G and 1e-4 for D
    Paper:   Metz et al. 2017, Unrolled Generative Adversarial Networks

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.unrolled_gan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    game = adversarial_game(generator, discriminator, prior, losses.zero_sum(losses.minimax))
    d_tx = _adam(lr_d, b1, b2, eps_root=1e-16)  # keeps the slope of Adam's root finite
    return unrolled(game, _adam(lr_g, b1, b2), d_tx, unroll_steps=unroll_steps, batch_size=batch_size)


def pacgan(
    generator: Any, discriminator: Any, prior: Prior, *, lr_g: float = 1e-4, lr_d: float = 1e-4, b1: float = 0.8,
    b2: float = 0.999, m: int = 2, batch_size: Size = 200,
) -> Algorithm:  # fmt: skip
    """Packs of m examples, real or fake together, for one decision; settings of the authors' ring and grid.

    Their batch is of 100 packs: `batch_size` counts examples, and is 100 m.

    Loss:    non_saturating
    Terms:   none; D sees packs of 2
    Updates: simultaneous; Adam 1e-4, 0.8, 0.999
    Paper:   Lin et al. 2018, PacGAN: The power of two samples in generative adversarial networks

    Raises:
      ValueError: m below 1, or a batch size that m does not divide.

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.pacgan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2), m=4)
    """
    packed = Packed(discriminator, m)
    if any(size % m for size in batch_sizes(batch_size)):
        raise ValueError(f"packs of m = {m} do not divide a batch of {batch_size}")
    game = adversarial_game(generator, packed, prior, losses.non_saturating)
    return simultaneous(game, _adam(lr_g, b1, b2), _adam(lr_d, b1, b2), batch_size=batch_size)


def dcgan(
    generator: Any, discriminator: Any, prior: Prior, *, lr_g: float = 2e-4, lr_d: float = 2e-4, b1: float = 0.5,
    b2: float = 0.999, batch_size: Size = 128,
) -> Algorithm:  # fmt: skip
    """The practical loss with the optimizers that made convolutional GANs train; for the networks see `jg.nn`.

    But for the size of its batches it is `ns_gan`: what it is about are the networks.

    Loss:    non_saturating
    Terms:   none
    Updates: alternating, 1 to 1; Adam 2e-4, 0.5, 0.999; batches of 128
    Paper:   Radford et al. 2016, Unsupervised Representation Learning with Deep Convolutional GANs

    Example:
      >>> import jaxgan as jg
      >>> networks = jg.nn.DCGANGenerator(8, 1), jg.nn.DCGANDiscriminator()
      >>> algorithm = jg.recipes.dcgan(*networks, jg.normal_prior(64))
    """
    game = adversarial_game(generator, discriminator, prior, losses.non_saturating)
    return _by_adam(game, lr_g, lr_d, b1, b2, batch_size)


def _by_example(discriminator: Any) -> Any:
    """The discriminator without batch norm, which would tie an example's gradient to the rest of its batch."""
    changed = _with(discriminator, batch_norm=False)
    return discriminator if changed is None else changed


def _with(discriminator: Any, **field: bool) -> Any:
    """The discriminator with a field changed, in a pack or not; None where it has no such field."""
    if isinstance(discriminator, Packed):
        inner = _with(discriminator.discriminator, **field)
        return inner if inner is None else discriminator.clone(discriminator=inner)
    return discriminator.clone(**field) if all(hasattr(discriminator, name) for name in field) else None


ALL: tuple[Callable[..., Algorithm], ...] = (
    minimax_gan, ns_gan, wgan, wgan_gp, lsgan, hinge_gan, sngan, dragan, r1_gan, ragan, r3gan, unrolled_gan, pacgan,
    dcgan,
)  # fmt: skip
"""All of them, in the order of the table that `jaxgan recipes` prints."""
