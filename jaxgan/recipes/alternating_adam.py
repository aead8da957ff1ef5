"""Any loss, trained by alternating Adam updates: the basis of many recipes."""

import numbers
from collections.abc import Callable, Sequence
from typing import Any

from jaxgan import losses
from jaxgan.checks import check_coefficient
from jaxgan.dynamics import alternating
from jaxgan.game import adversarial_game
from jaxgan.recipes.common import MakeGame, Rate, Size, adam, with_ema
from jaxgan.types import Algorithm, Array, Loss, Prior, Term

GeneratorLoss = Callable[[Array, Array], Array | tuple[Array, ...]]
"""(real_logits, fake_logits) -> the values that the generator minimizes."""


def gan(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    loss: Loss | GeneratorLoss = losses.non_saturating,
    lr_g: Rate = 2e-4,
    lr_d: Rate = 2e-4,
    b1: float = 0.5,
    b2: Rate = 0.999,
    d_steps: int = 1,
    g_steps: int = 1,
    batch_size: Size = 64,
    ema: Rate | None = None,
    label_noise: float = 0.0,
    d_terms: Sequence[Term] = (),
    g_terms: Sequence[Term] = (),
    make_game: MakeGame = adversarial_game,
) -> Algorithm:
    """Any loss, trained by alternating Adam updates: the basis of the recipes that differ only in the loss.

    Loss:    any
    Terms:   any
    Updates: alternating; Adam 2e-4, 0.5, 0.999 (as in DCGAN)
    Paper:   Goodfellow et al. 2014, Generative Adversarial Nets; settings from Radford et al. 2016, DCGAN

    Args:
      generator: a linen module, z -> x.
      discriminator: a linen module, x -> logits.
      prior: (key, n) -> z, such as `normal_prior(64)`.
      loss: a `Loss`, or a function (real_logits, fake_logits) -> values that the generator minimizes while the
        discriminator minimizes cross-entropy.
      lr_g: learning rate of the generator, or a schedule over its update count.
      lr_d: learning rate of the discriminator, or a schedule over its update count.
      b1: Adam's decay of the first moment, for both players.
      b2: Adam's decay of the second moment, for both players, or a schedule over their update counts.
      d_steps: discriminator updates per step.
      g_steps: generator updates per step.
      batch_size: examples in a batch, or `BatchSizes(real, fake, generator)`.
      ema: decay of the moving average of the generator that is sampled from, or a schedule of the step; None: no
        average.
      label_noise: probability with which each real and fake label is flipped for the discriminator.
      d_terms: terms added to the discriminator's loss.
      g_terms: terms added to the generator's loss.
      make_game: `jg.adversarial_game`, or a function that builds an extended game: a partial of `adversarial_game`
        with further arguments, such as `augment`, or `jg.auxiliary_classifier(1.0)`.

    Raises:
      ValueError: a setting is out of range, or `loss` is neither a `Loss` nor a function.

    Example:
      >>> import jaxgan as jg
      >>> networks = jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator()
      >>> algorithm = jg.recipes.gan(*networks, jg.normal_prior(2), loss=jg.hinge, lr_d=4e-4)
      >>> own = jg.recipes.gan(*networks, jg.normal_prior(2), loss=lambda real, fake: -fake)
    """
    check_coefficient("label_noise", label_noise, highest=1.0)
    labels = losses.flipped_labels(label_noise)
    off = isinstance(label_noise, numbers.Real) and label_noise == 0
    logit_transform = None if off else labels
    terms: dict[str, Any] = {"d_terms": d_terms, "g_terms": g_terms}
    game = make_game(generator, discriminator, prior, _as_loss(loss), logit_transform=logit_transform, **terms)
    g_tx, d_tx = adam(lr_g, b1, b2, name="lr_g"), adam(lr_d, b1, b2, name="lr_d")
    algorithm = alternating(game, g_tx, d_tx, batch_size=batch_size, d_steps=d_steps, g_steps=g_steps)
    return with_ema(algorithm, ema)


def _as_loss(loss: Any) -> Loss:
    if isinstance(loss, Loss):
        return loss
    if not callable(loss):
        raise ValueError(f"loss must be a Loss or a function (real_logits, fake_logits) -> values, got {loss!r}")
    return Loss(losses.cross_entropy_discriminator, loss)
