"""Samples of truncated latents: nearer to what a generator does best, and less varied."""

from collections.abc import Callable

from jaxgan.priors import scaled_truncated_prior, truncated_prior
from jaxgan.study.generate import LoadedGenerator
from jaxgan.study.messages import OptionError, nearest
from jaxgan.types import Array, Key, Prior, PyTree

WAYS = "w", "resampled", "scaled"


def truncated_sampler(generator: LoadedGenerator, truncation: str | None) -> Callable[[Key, int, PyTree], Array]:
    """(key, n, y) -> samples of a generator, by a truncation as it is written: "0.7", or the way before a colon.

    w:0.7          behind a mapping network: w towards its running mean, mean + 0.7 (w - mean); the default there
    resampled:0.7  z from N(0, I) cut off at 0.7 in every coordinate, as BigGAN's paper; the default elsewhere
    scaled:0.7     0.7 times z cut off at 2, as the code that was published with BigGAN

    Raises:
      OptionError: no such way or number, or w of a generator without.
    """
    if truncation is None:
        return generator.sample
    given, colon, number = truncation.rpartition(":")
    way = given if colon else "resampled" if generator.mapping is None else "w"
    if way not in WAYS:
        raise OptionError("truncation", f"got {truncation!r}; {nearest(way, WAYS)}, a colon and a number")
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise OptionError("truncation", f"got {truncation!r}, expected a number above 0, such as 0.7 or scaled:0.7")
    if way == "w":
        return _towards_the_mean(generator, value)
    make = truncated_prior if way == "resampled" else scaled_truncated_prior
    prior: Prior = make(generator.latent_dim, value)

    def sample(key: Key, n: int, y: PyTree = None) -> Array:
        return generator.generate(prior(key, n), y)

    return sample


def _towards_the_mean(generator: LoadedGenerator, value: float) -> Callable[[Key, int, PyTree], Array]:
    mapping, synthesis = generator.mapping, generator.synthesis
    if mapping is None or synthesis is None:
        raise OptionError("truncation", f"w, but the generator of {generator.configuration} has no mapping network; "
                          "expected resampled:NUMBER or scaled:NUMBER")  # fmt: skip

    def sample(key: Key, n: int, y: PyTree = None) -> Array:
        return synthesis(mapping(generator.prior(key, n), y, truncation=value))

    return sample
