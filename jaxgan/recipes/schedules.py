"""The schedules published with R3GAN, as settings of the recipe."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxgan.checks import check_coefficient, check_count
from jaxgan.dynamics import half_life_decay
from jaxgan.optim import cosine_schedule


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
