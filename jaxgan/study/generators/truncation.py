"""Sample with truncated latents, which trades variety for quality."""

from collections.abc import Callable

from jaxgan.study.generators.generate import LoadedGenerator
from jaxgan.study.generators.truncated_latents import latents_for, parsed
from jaxgan.study.messages import OptionError
from jaxgan.types import Array, Key, PyTree


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

    Example:
      >>> generator = jg.load_generator("runs/0001-compare-ring")  # doctest: +SKIP
      >>> x = jg.truncated_sampler(generator, "resampled:0.7")(jax.random.key(0), 64, None)  # doctest: +SKIP
    """
    if truncation is None:
        return generator.sample
    prior = latents_for(truncation, generator.latent_dim, mapped=generator.mapping is not None)
    if prior is None:
        return _towards_the_mean(generator, parsed(truncation)[1])

    def sample(key: Key, n: int, y: PyTree = None) -> Array:
        return generator.generate(prior(key, n), y, key=key)

    return sample


def _towards_the_mean(generator: LoadedGenerator, value: float) -> Callable[[Key, int, PyTree], Array]:
    mapping, synthesis = generator.mapping, generator.synthesis
    if mapping is None or synthesis is None:
        raise OptionError("truncation", f"w, but the generator of {generator.configuration} has no mapping network; "
                          "expected resampled:NUMBER or scaled:NUMBER")  # fmt: skip

    def sample(key: Key, n: int, y: PyTree = None) -> Array:
        return synthesis(mapping(generator.prior(key, n), y, truncation=value), key=key)

    return sample
