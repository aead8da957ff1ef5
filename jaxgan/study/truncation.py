"""Sample with truncated latents, which trades variety for quality."""

from collections.abc import Callable

from jaxgan.priors import scaled_truncated_prior, truncated_prior
from jaxgan.study.generate import LoadedGenerator
from jaxgan.study.messages import OptionError, nearest
from jaxgan.types import Array, Key, Prior, PyTree

WAYS = "w", "resampled", "scaled"


def truncated_sampler(generator: LoadedGenerator, truncation: str | None) -> Callable[[Key, int, PyTree], Array]:
    """Return (key, n, y) -> samples of a generator with truncation, given as a number "0.7" or as "METHOD:0.7".

    w:0.7          for generators with a mapping network, and their default: mean + 0.7 (w - mean), with the running
                   mean of w
    resampled:0.7  z from N(0, I) truncated to [-0.7, 0.7] in every coordinate, as in the BigGAN paper; the default for
                   other generators
    scaled:0.7     0.7 times z truncated to [-2, 2], as in the code published with BigGAN

    Raises:
      OptionError: if the method or number is invalid, or w is used with a generator that has no mapping network.
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
