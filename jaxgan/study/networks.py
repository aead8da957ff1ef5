"""The networks of a study: from names and fields to modules, and a description from which they are built again."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxgan.data.source import Source
from jaxgan.nn.dcgan import DCGANDiscriminator, DCGANGenerator, base_size
from jaxgan.nn.mlp import MLPDiscriminator, MLPGenerator
from jaxgan.study.config import Config
from jaxgan.study.messages import OptionError

_DTYPES = {"float32": "float32", "fast": "float32", "bfloat16": "bfloat16"}  # by precision: what networks compute in


class Networks(NamedTuple):
    """Two modules, and the plain names and numbers that a generator is built from again."""

    generator: Any
    discriminator: Any
    description: dict[str, Any]

    def discriminator_of(self, width: float) -> Any:
        """The discriminator of `width` times the width."""
        return build_discriminator(self.description | {"width": max(1, round(self.description["width"] * width))})


def networks_for(source: Source, config: Config) -> Networks:
    """The networks that are asked for, or those for the data.

    Raises:
      OptionError: examples of a shape that the networks cannot make.
    """
    common = {"width": config.width, "latent_dim": config.latent_dim, "dtype": _DTYPES[config.precision]}
    if len(source.shape) == 1:
        description: dict[str, Any] = {"kind": "mlp", "features": source.shape[0], **common}
    else:
        height, width, channels = source.shape
        shape = f"{source.name} has images of {height} x {width} pixels"
        if height != width:
            raise OptionError("data", f"{shape}, expected square ones; add --image-size")
        try:
            base_size(height)
        except ValueError as error:
            raise OptionError("data", f"{shape}, and {error}; add --image-size") from error
        description = {"kind": "dcgan", "size": height, "channels": channels, **common}
    return Networks(build_generator(description), build_discriminator(description), description)


def build_generator(description: Mapping[str, Any]) -> Any:
    """The generator module of a description."""
    dtype = description.get("dtype")
    if description["kind"] == "mlp":
        return MLPGenerator(description["features"], (description["width"],) * 2, dtype)
    return DCGANGenerator(description["size"], description["channels"], description["width"], dtype)


def build_discriminator(description: Mapping[str, Any]) -> Any:
    """The discriminator that is paired with the generator of a description."""
    dtype = description.get("dtype")
    if description["kind"] == "mlp":
        return MLPDiscriminator((description["width"],) * 2, dtype)
    return DCGANDiscriminator(description["width"], dtype)
