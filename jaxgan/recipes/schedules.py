"""R3GAN, and the schedules published with it."""

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxgan import losses, terms
from jaxgan.checks import check_coefficient, check_count
from jaxgan.dynamics import half_life_decay
from jaxgan.dynamics.moves import batch_sizes
from jaxgan.game import adversarial_game
from jaxgan.optim import cosine_schedule
from jaxgan.recipes.alternating_adam import gan
from jaxgan.recipes.common import MakeGame, Rate, Size, refusing_batch_norm, without_batch_norm
from jaxgan.types import Algorithm, Prior


class _Published(NamedTuple):
    batch_size: int
    gamma: float  # at the start; it ends at a tenth of this
    average: float  # half-life of the average at the end, in images; 0 at the start
    images: float  # duration of the schedules


R3GAN: Mapping[str, _Published] = {
    "cifar10": _Published(512, 0.05, 5e6, 2e7),
    "ffhq64": _Published(256, 2.0, 5e5, 2e7),
    "ffhq256": _Published(256, 150.0, 5e5, 2e7),
    "imagenet32": _Published(4096, 0.5, 5e7, 2e8),
    "imagenet64": _Published(4096, 1.0, 5e7, 2e8),
}


def r3gan_schedules(data: str, batch_size: int | None = None, *, shorter: float = 1.0) -> dict[str, Any]:
    """Settings of `r3gan` as published for a data set: schedules of the learning rates, b2, gamma and the EMA of G.

    All follow half a cosine over 20 million images (ImageNet: 200 million) and are constant after that: the learning
    rates go from 2e-4 to 5e-5, b2 from 0.9 to 0.99, gamma to a tenth of its initial value, and the half-life of the
    average grows from 0. The authors also augment, with a probability that follows the same kind of schedule.

    Source: the presets in the authors' code (brownvc/R3GAN, train.py) of Huang et al. 2024.

    Args:
      data: "cifar10", "ffhq64", "ffhq256", "imagenet32" or "imagenet64".
      batch_size: examples in a batch; None: as published, 512, 256 or 4096. With smaller batches the schedules take
        more steps.
      shorter: factor by which the duration of the schedules, in images, and the half-life are divided.

    Raises:
      ValueError: an unknown data set, or `batch_size` or `shorter` below 1.

    Example:
      >>> import jaxgan as jg
      >>> settings = r3gan_schedules("cifar10", 64, shorter=100)
      >>> round(float(settings["gamma"](0)), 4), round(float(settings["gamma"](3125)), 4)
      (0.05, 0.005)
      >>> networks = jg.nn.R3GANGenerator(32, 3, width=16), jg.nn.R3GANDiscriminator(width=16)
      >>> algorithm = jg.recipes.r3gan(*networks, jg.normal_prior(64), **settings)
    """
    if data not in R3GAN:
        raise ValueError(f"data must be one of {', '.join(R3GAN)}, got {data!r}")
    check_coefficient("shorter", shorter, lowest=1.0)
    published = R3GAN[data]
    n = published.batch_size if batch_size is None else batch_size
    check_count("batch_size", n)
    steps = max(1, round(published.images / shorter / n))
    rate = cosine_schedule(2e-4, 5e-5, steps)
    return {
        "lr_g": rate,
        "lr_d": rate,
        "b2": cosine_schedule(0.9, 0.99, steps),
        "gamma": cosine_schedule(published.gamma, published.gamma / 10, steps),
        "ema": half_life_decay(cosine_schedule(0.0, published.average / shorter, steps), n),
        "batch_size": n,
    }


def r3gan(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: Rate = 2e-4,
    lr_d: Rate = 2e-4,
    b1: float = 0.0,
    b2: Rate = 0.99,
    gamma: terms.Coefficient = 1.0,
    ema: Rate | None = 0.999,
    schedules: str | None = None,
    shorter: int = 1,
    batch_size: Size = 64,
    make_game: MakeGame = adversarial_game,
) -> Algorithm:
    """The paired relativistic loss with gradient penalties on real and fake examples (R1 and R2).

    The authors use schedules that depend on the data set: the learning rates go from 2e-4 to 5e-5, b2 from 0.9 to 0.99,
    gamma to a tenth of its initial value, and the half-life of the average from 0 to half a million images or more. The
    defaults are constants within these ranges, for short runs; gamma, the learning rates, b2 and ema may be schedules,
    and `schedules` sets all of them to the authors', those of `r3gan_schedules`.

    Loss:    relativistic
    Terms:   D: r1(1), r2(1), each gamma/2 E|grad D|^2; no batch norm in D
    Updates: alternating, 1 to 1; Adam 2e-4, 0, 0.99; EMA of G 0.999
    Paper:   Huang et al. 2024, The GAN is dead; long live the GAN!

    Args:
      gamma: weight of both penalties, or a schedule of the step.
      schedules: a data set, such as cifar10, whose published schedules replace lr_g, lr_d, b2, gamma and ema; None:
        none.
      shorter: factor by which the published schedules are shortened.

    Raises:
      ValueError: a setting is out of range, or one that `schedules` replaces is given too; when `init` is called, the
        discriminator has batch normalization and no field `batch_norm` to turn off.

    Example:
      >>> import jaxgan as jg
      >>> networks = jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator()
      >>> algorithm = jg.recipes.r3gan(*networks, jg.normal_prior(2))
      >>> published = jg.recipes.r3gan(*networks, jg.normal_prior(2), schedules="cifar10", shorter=1000)
    """
    given = {"lr_g": lr_g, "lr_d": lr_d, "b2": b2, "gamma": gamma, "ema": ema}
    rates = _scheduled(given, schedules, batch_sizes(batch_size).real, shorter)
    gamma = rates.pop("gamma")
    algorithm = gan(
        generator,
        without_batch_norm(discriminator),
        prior,
        loss=losses.relativistic,
        d_terms=(terms.r1(gamma), terms.r2(gamma)),
        b1=b1,
        batch_size=batch_size,
        make_game=make_game,
        **rates,
    )
    return refusing_batch_norm(algorithm, "r3gan")


def _scheduled(given: dict[str, Any], schedules: str | None, batch_size: int, shorter: int) -> dict[str, Any]:
    """The settings of `r3gan` that may be schedules: those given, or the published ones.

    Raises:
      ValueError: a given setting is not the default, although the published schedules are to replace it.
    """
    if schedules is None:
        return given
    known = inspect.signature(r3gan).parameters
    for name, value in given.items():
        if value != known[name].default:
            raise ValueError(f"schedules={schedules!r} replaces {name}, expected one of them, got {name}={value}")
    published = r3gan_schedules(schedules, batch_size, shorter=shorter)
    return {name: published[name] for name in given}
