"""The networks by name, and the fields that the data determine."""

import dataclasses
import difflib
import math
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgan.nn import biggan, dcgan, pyramid, sngan, unet
from jaxgan.nn.biggan import BigGANDiscriminator, BigGANGenerator
from jaxgan.nn.calls import told
from jaxgan.nn.dcgan import DCGANDiscriminator, DCGANGenerator
from jaxgan.nn.infogan import InfoGANDiscriminator, InfoGANGenerator
from jaxgan.nn.mlp import MLPDiscriminator, MLPGenerator
from jaxgan.nn.patch import PatchDiscriminator
from jaxgan.nn.r3gan import R3GANDiscriminator, R3GANGenerator
from jaxgan.nn.residual_mlp import ResidualMLPDiscriminator, ResidualMLPGenerator
from jaxgan.nn.sngan import SNGANDiscriminator, SNGANGenerator
from jaxgan.nn.stylegan2 import StyleGAN2Generator
from jaxgan.nn.stylegan2_discriminator import StyleGAN2Discriminator
from jaxgan.nn.unet import UNetGenerator
from jaxgan.nn.wgan_gp import WGANGPDiscriminator, WGANGPGenerator


class Network(NamedTuple):
    """A named network: the modules of both players.

    Example:
      >>> network = NETWORKS["dcgan"]
      >>> parameter_count(network.generator(size=32, channels=3, width=16), (64,))
      107491
    """

    name: str
    generator: type
    discriminator: type
    axes: int  # axes of one example: 1 for points, 3 for images
    about: str
    paper: str
    condition_axes: int = 0  # axes of the condition that it needs: 3 for an image
    sizes: tuple[int, ...] = ()  # image sizes that it supports, in pixels a side
    published: tuple[tuple[int, int, int], ...] = ()  # (pixels a side, channels, latents) of the paper or its code


NETWORKS: Mapping[str, Network] = {
    network.name: network
    for network in (
        Network("mlp", MLPGenerator, MLPDiscriminator, 1, "ReLU layers, for points and anything flattened",
                "Goodfellow et al. 2014, Generative Adversarial Nets"),
        Network("dcgan", DCGANGenerator, DCGANDiscriminator, 3, "strided convolutions and BatchNorm, 8 to 128 pixels",
                "Radford et al. 2016, Unsupervised Representation Learning with DCGANs",
                sizes=tuple(sorted(dcgan.SIZES))),
        Network("pix2pix", UNetGenerator, PatchDiscriminator, 3, "U-Net and PatchGAN for pairs of images, 8 to 256 "
                "pixels", "Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks", 3,
                unet.SIZES),
        Network("residual_mlp", ResidualMLPGenerator, ResidualMLPDiscriminator, 1, "residual branches without "
                "normalization, for points", "Zhang et al. 2019, Fixup Initialization"),
        Network("infogan", InfoGANGenerator, InfoGANDiscriminator, 3, "two convolutions and two dense layers, 8 to 256 "
                "pixels", "Lucic et al. 2018, Are GANs Created Equal?", published=((28, 1, 64), (32, 3, 64))),
        Network("wgan_gp_resnet", WGANGPGenerator, WGANGPDiscriminator, 3, "residual blocks, layer normalization in "
                "the critic", "Gulrajani et al. 2017, Improved Training of Wasserstein GANs",
                sizes=(16, 32, 64, 128), published=((32, 3, 128),)),
        Network("sngan", SNGANGenerator, SNGANDiscriminator, 3, "residual blocks, spectral normalization in the "
                "discriminator", "Miyato et al. 2018, Spectral Normalization for GANs",
                sizes=tuple(sngan.FORMS), published=((32, 3, 128), (48, 3, 128))),
        Network("biggan", BigGANGenerator, BigGANDiscriminator, 3, "residual blocks, spectral normalization in both "
                "players, latents and classes at every block, self-attention",
                "Brock et al. 2019, Large Scale GAN Training for High Fidelity Natural Image Synthesis",
                sizes=tuple(biggan.FORMS), published=((128, 3, 120), (256, 3, 140))),
        Network("stylegan2", StyleGAN2Generator, StyleGAN2Discriminator, 3, "styles that modulate convolutions, and "
                "noise", "Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN",
                sizes=pyramid.SIZES, published=tuple((size, 3, 512) for size in (32, 256, 512, 1024))),
        Network("r3gan", R3GANGenerator, R3GANDiscriminator, 3, "grouped bottlenecks without normalization",
                "Huang et al. 2024, The GAN is dead; long live the GAN! A Modern GAN Baseline",
                sizes=pyramid.SIZES, published=tuple((size, 3, 64) for size in (32, 64, 256))),
    )
}  # fmt: skip
"""Every network by its name on the command line."""


def network_for(shape: tuple[int, ...], condition: tuple[int, ...] = ()) -> Network:
    """The default network for examples of a shape, with images as conditions if given.

    Raises:
      ValueError: no network makes such examples.

    Example:
      >>> network_for((2,)).name, network_for((28, 28, 1)).name, network_for((32, 32, 3), (32, 32, 1)).name
      ('mlp', 'dcgan', 'pix2pix')
    """
    for network in NETWORKS.values():
        if (network.axes, network.condition_axes) == (len(shape), len(condition)):
            return network
    raise ValueError(f"expected points [d] or images [h, w, c], got examples of shape {list(shape)}")


def fields_of(module: type) -> dict[str, dataclasses.Field]:
    """The fields of a linen module that a caller may set, by name.

    Example:
      >>> list(fields_of(MLPGenerator))
      ['features', 'hidden', 'dtype', 'classes', 'condition']
    """
    fields = dataclasses.fields(module) if dataclasses.is_dataclass(module) else ()
    return {field.name: field for field in fields if field.init and field.name not in ("parent", "name")}


def fields_for(module: type, shape: tuple[int, ...], **common: Any) -> dict[str, Any]:
    """The values of a module's fields that follow from the data and common settings.

    From the shape of an example: `features` (for images the number of values), `size`, `channels`, `shape`. From
    `common`: the fields that the module has; `width` also sets the two layers of `hidden`.

    Example:
      >>> fields_for(MLPGenerator, (2,), width=16, dtype="float32")
      {'features': 2, 'hidden': (16, 16), 'dtype': 'float32'}
    """
    known: dict[str, Any] = {"features": math.prod(shape), "shape": tuple(shape)}
    if len(shape) == 3:
        known |= {"size": shape[0], "channels": shape[2]}
    known |= common
    if "width" in common:
        known["hidden"] = (common["width"],) * 2
    return {name: known[name] for name in fields_of(module) if name in known}


def make(module: type, fields: Mapping[str, Any]) -> Any:
    """A module with these fields.

    Raises:
      ValueError: an unknown field, with the nearest name.
    """
    known = fields_of(module)
    for name in fields:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ";"
            raise ValueError(f"{module.__name__} has no field {name!r}{meant} it has {', '.join(known)}")
    try:
        return module(**fields)
    except TypeError as error:
        missing = [n for n, f in known.items() if f.default is dataclasses.MISSING and n not in fields]
        raise ValueError(f"{module.__name__} needs {', '.join(missing) or error}") from error


def parameter_count(module: Any, *shapes: tuple[int, ...]) -> int:
    """The number of parameters of a module for inputs [1, *shape], one for each shape; computes nothing.

    Example:
      >>> parameter_count(MLPGenerator(2, (4,)), (3,))  # 3 x 4 + 4 and 4 x 2 + 2
      26
    """
    called, keywords = told(module, False)
    inputs = [jax.ShapeDtypeStruct((1, *shape), jnp.float32) for shape in shapes]
    start = partial(called.init, {"params": jax.random.key(0), "dropout": jax.random.key(1)}, **keywords)
    variables = jax.eval_shape(start, *inputs)
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(variables.get("params", {})))
