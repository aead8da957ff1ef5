"""Methods against mode collapse: unrolling the discriminator, and packing several examples into one decision."""

from typing import Any

from jaxgan import losses
from jaxgan.dynamics import simultaneous, unrolled
from jaxgan.dynamics.moves import batch_sizes
from jaxgan.game import adversarial_game
from jaxgan.nn import Packed
from jaxgan.recipes.common import MakeGame, Rate, Size, adam
from jaxgan.types import Algorithm, Prior


def unrolled_gan(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: Rate = 1e-3,
    lr_d: Rate = 1e-4,
    b1: float = 0.5,
    b2: float = 0.999,
    unroll_steps: int = 5,
    batch_size: Size = 512,
    make_game: MakeGame = adversarial_game,
) -> Algorithm:
    """The generator differentiates through updates of the discriminator; settings of the authors' demonstration.

    Loss:    zero_sum(minimax): the generator minimizes all of V, including the real part, which depends on unrolled D
    Terms:   none
    Updates: unrolled, 5 updates of D ahead; Adam 0.5, 0.999 with 1e-3 for G and 1e-4 for D
    Paper:   Metz et al. 2017, Unrolled Generative Adversarial Networks

    Args:
      unroll_steps: number of discriminator updates that the generator looks ahead.

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.unrolled_gan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2))
    """
    game = make_game(generator, discriminator, prior, losses.zero_sum(losses.minimax))
    d_tx = adam(lr_d, b1, b2, name="lr_d", eps_root=1e-16)  # keeps the derivative of Adam's square root finite
    return unrolled(game, adam(lr_g, b1, b2, name="lr_g"), d_tx, unroll_steps=unroll_steps, batch_size=batch_size)


def pacgan(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: Rate = 1e-4,
    lr_d: Rate = 1e-4,
    b1: float = 0.8,
    b2: float = 0.999,
    m: int = 2,
    batch_size: Size = 200,
    make_game: MakeGame = adversarial_game,
) -> Algorithm:
    """The discriminator judges packs of m examples, all real or all fake; settings of the authors' 2D experiments.

    The settings are those of their ring and grid of Gaussians, with batches of 100 packs; `batch_size` counts examples,
    so that corresponds to 100 m.

    Loss:    non_saturating
    Terms:   none; D sees packs of 2
    Updates: simultaneous; Adam 1e-4, 0.8, 0.999
    Paper:   Lin et al. 2018, PacGAN: The power of two samples in generative adversarial networks

    Args:
      m: examples in a pack.

    Raises:
      ValueError: m is below 1 or does not divide a batch size.

    Example:
      >>> import jaxgan as jg
      >>> algorithm = jg.recipes.pacgan(jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2), m=4)
    """
    packed = Packed(discriminator, m)
    if any(size % m for size in batch_sizes(batch_size)):
        raise ValueError(f"m must divide the batch sizes, got m = {m} and {batch_size}")
    game = make_game(generator, packed, prior, losses.non_saturating)
    g_tx, d_tx = adam(lr_g, b1, b2, name="lr_g"), adam(lr_d, b1, b2, name="lr_d")
    return simultaneous(game, g_tx, d_tx, batch_size=batch_size)
