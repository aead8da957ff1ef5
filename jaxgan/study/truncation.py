"""Sample with truncated latents, which trades variety for quality."""

from collections.abc import Callable

from jaxgan.priors import scaled_truncated_prior, truncated_prior
from jaxgan.study.generate import LoadedGenerator
from jaxgan.study.limits import LIMITS
from jaxgan.study.messages import OptionError, expect, nearest
from jaxgan.types import Array, Key, Prior, PyTree

WAYS = "w", "resampled", "scaled"


def truncated_sampler(generator: LoadedGenerator, truncation: str | None) -> Callable[[Key, int, PyTree], Array]:
    """Return (key, n, y) -> samples of a generator with truncation, given as a number "0.7" or as "METHOD:0.7".

    w:0.7          for generators with a mapping network, and their default: mean + 0.7 (w - mean), with the running
                   mean of w
    resampled:0.7  z from N(0, I) truncated to [-0.7, 0.7] in every coordinate, as in the BigGAN paper; the default for
                   other generators
    scaled:0.7     0.7 times z truncated to [-2, 2], as in the code published with BigGAN

    Noise inputs are drawn for each example, as without truncation.

    Raises:
      OptionError: if the method or number is invalid, or w is used with a generator that has no mapping network.
    """
    if truncation is None:
        return generator.sample
    given, value = parsed(truncation)
    way = given or ("resampled" if generator.mapping is None else "w")
    if way == "w":
        return _towards_the_mean(generator, value)
    make = truncated_prior if way == "resampled" else scaled_truncated_prior
    prior: Prior = make(generator.latent_dim, value)

    def sample(key: Key, n: int, y: PyTree = None) -> Array:
        return generator.generate(prior(key, n), y, key=key)

    return sample


def parsed(truncation: str) -> tuple[str, float]:
    """Return the method of a truncation, "" if none is named, and its number.

    Raises:
      OptionError: if the method is unknown, or the number is beyond its limit.

    Example:
      >>> parsed("scaled:0.7"), parsed("0.7")
      (('scaled', 0.7), ('', 0.7))
    """
    way, colon, number = truncation.rpartition(":")
    if colon and way not in WAYS:
        raise OptionError("truncation", f"got {truncation!r}; {nearest(way, WAYS)}, a colon and a number")
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    limit = LIMITS["truncation"]
    expect("truncation", repr(truncation), limit.holds(value), f"a number {limit}, such as 0.7 or scaled:0.7")
    return way, value


def _towards_the_mean(generator: LoadedGenerator, value: float) -> Callable[[Key, int, PyTree], Array]:
    mapping, synthesis = generator.mapping, generator.synthesis
    if mapping is None or synthesis is None:
        raise OptionError("truncation", f"w, but the generator of {generator.configuration} has no mapping network; "
                          "expected resampled:NUMBER or scaled:NUMBER")  # fmt: skip

    def sample(key: Key, n: int, y: PyTree = None) -> Array:
        return synthesis(mapping(generator.prior(key, n), y, truncation=value), key=key)

    return sample
