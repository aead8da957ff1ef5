"""SNGAN, WGAN-GP's, InfoGAN's and BigGAN's networks, and residual perceptrons: counts, sizes, and layers by hand."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn import (
    BigGANDiscriminator,
    BigGANGenerator,
    InfoGANDiscriminator,
    InfoGANGenerator,
    ResidualMLPDiscriminator,
    SNGANDiscriminator,
    SNGANGenerator,
    WGANGPDiscriminator,
    WGANGPGenerator,
    biggan,
    infogan,
    sngan,
    wgan_gp,
)
from jaxgan.nn.conditional import DISCRIMINATOR, GENERATOR

KEY = jax.random.key(0)
Y = jnp.array([2, 0])


def shapes_of(module: nn.Module, *inputs: Any, **how: Any) -> Any:
    """(outputs, variables), of which only shapes and types are worked out."""
    return jax.eval_shape(lambda: module.init_with_output(KEY, *inputs, train=True, **how))


def count(module: nn.Module, *inputs: Any) -> int:
    leaves = jax.tree.leaves(shapes_of(module, *inputs)[1]["params"])
    return sum(math.prod(leaf.shape) for leaf in leaves)


@pytest.mark.parametrize(
    ("generator", "discriminator", "latents", "shape", "classes", "counts"),
    [
        # pfnet-research/sngan_projection, gen_models/resnet_32.py and dis_models/snresnet_32.py, from their layers
        (SNGANGenerator(32, 3), SNGANDiscriminator(), 128, (32, 32, 3), 0, (4_276_739, 1_053_824)),
        # kwotsin/mimicry, nets/sngan/sngan_48.py
        (SNGANGenerator(48, 3), SNGANDiscriminator(), 128, (48, 48, 3), 0, (4_878_083, 10_141_441)),
        # google/compare_gan, branch v1, gans/abstract_gan.py
        (InfoGANGenerator(28, 1), InfoGANDiscriminator(), 64, (28, 28, 1), 0, (6_642_241, 6_559_169)),
        (InfoGANGenerator(28, 1), InfoGANDiscriminator(batch_norm=False), 64, (28, 28, 1), 0, (6_642_241, 6_556_865)),
        (InfoGANGenerator(32, 3), InfoGANDiscriminator(), 64, (32, 32, 3), 0, (8_616_131, 8_527_297)),
        # google/compare_gan, architectures/resnet_biggan_test.py asserts the first, resnet_biggan.py says the second
        (BigGANGenerator(128, 3, classes=1000), BigGANDiscriminator(classes=1000), 120, (128, 128, 3), 1000,
         (70_433_988, 87_982_370)),
        (BigGANGenerator(256, 3, classes=1000), BigGANDiscriminator(classes=1000), 140, (256, 256, 3), 1000,
         (82_097_604, 98_635_298)),
    ],
)  # fmt: skip
def test_as_many_parameters_as_the_published_networks(
    generator: nn.Module, discriminator: nn.Module, latents: int, shape: Any, classes: int, counts: tuple[int, int]
) -> None:
    y = (jnp.zeros(1, jnp.int32),) if classes else ()
    assert (count(generator, jnp.zeros((1, latents)), *y), count(discriminator, jnp.zeros((1, *shape)), *y)) == counts


def test_the_parameters_of_wgan_gps_networks_by_layer() -> None:
    """igul222/improved_wgan_training, gan_cifar_resnet.py without classes: DIM_G = DIM_D = 128, 32 pixels."""
    three, one, norm = 9 * 128 * 128 + 128, 128 * 128 + 128, 2 * 128
    up = 2 * three + one + 2 * norm
    first = (9 * 3 * 128 + 128) + three + (3 * 128 + 128)
    assert count(WGANGPGenerator(32, 3), jnp.zeros((1, 128))) == (128 * 2048 + 2048 + 3 * up + norm + 9 * 128 * 3 + 3)
    plain = first + (2 * three + one) + 2 * 2 * three + 129
    x = jnp.zeros((1, 32, 32, 3))
    assert count(WGANGPDiscriminator(layer_norm=False), x) == plain
    assert count(WGANGPDiscriminator(), x) == plain + 3 * 2 * norm


SIZES = {
    "sngan": (tuple(sngan.FORMS), SNGANGenerator, SNGANDiscriminator),
    "infogan": ((8, 12, 28, 32, 64), InfoGANGenerator, InfoGANDiscriminator),
    "wgan_gp_resnet": (tuple(wgan_gp.SIZES), WGANGPGenerator, WGANGPDiscriminator),
    "biggan": (tuple(biggan.FORMS), BigGANGenerator, BigGANDiscriminator),
}


@pytest.mark.parametrize("dtype", [None, "bfloat16"])
@pytest.mark.parametrize("name", SIZES)
def test_images_of_every_size_end_in_float32(name: str, dtype: str | None) -> None:
    sizes, generator, discriminator = SIZES[name]
    assert 16 in sizes or name == "infogan"
    for i, size in enumerate(sizes if dtype else sizes[:1]):
        image, variables = shapes_of(generator(size, 1 + i, width=8, dtype=dtype), jnp.zeros((2, 16)))
        assert (image.shape, image.dtype) == ((2, size, size, 1 + i), jnp.float32)
        logits, more = shapes_of(discriminator(width=8, dtype=dtype), jnp.zeros(image.shape))
        assert (logits.shape, logits.dtype) == ((2,), jnp.float32)
        assert {leaf.dtype for leaf in jax.tree.leaves((variables, more))} == {jnp.dtype("float32")}


@pytest.mark.parametrize("name", SIZES)
def test_every_way_of_conditioning_has_its_parameters(name: str) -> None:
    _, generator, discriminator = SIZES[name]
    for ways, module, x in (
        (GENERATOR[name], partial(generator, 16, 1, width=8), jnp.zeros((2, 16))),
        (DISCRIMINATOR, partial(discriminator, width=8), jnp.zeros((2, 16, 16, 1))),
    ):
        alone = count(module(), x)
        for way in ways:
            assert count(module(classes=3, condition=way), x, Y) > alone
        shapes_of(module(classes=3, condition="+".join(ways)), x, Y)


@pytest.mark.parametrize("name", SIZES)
def test_over_seeds_there_is_no_grouped_convolution(name: str) -> None:
    _, generator, discriminator = SIZES[name]
    for module, x in (
        (generator(16, 1, width=8), jnp.zeros((2, 16))),
        (discriminator(width=8), jnp.zeros((2, 16, 16, 1))),
    ):
        forms = jax.tree.map(lambda a: jax.ShapeDtypeStruct((3, *a.shape), a.dtype), shapes_of(module, x)[1])
        program = str(jax.make_jaxpr(jax.vmap(partial(module.apply, train=False), (0, None)))(forms, x))
        assert "jaxgan_conv[" in program and "conv_general_dilated" not in program


def test_the_range_of_infogans_output() -> None:
    z = 40 * jax.random.normal(KEY, (8, 4))
    made = {}
    for low, high in ((-1.0, 1.0), (0.0, 1.0)):
        module = InfoGANGenerator(8, 1, width=2, value_range=(low, high))
        variables = jax.jit(partial(module.init, train=True))(KEY, z)
        loud = jax.tree.map(lambda a: 50 * a, variables["params"])
        made[low] = np.asarray(module.apply({**variables, "params": loud}, z, train=True, mutable=["batch_stats"])[0])
        assert low <= made[low].min() < low + 0.1 and high - 0.1 < made[low].max() <= high
    np.testing.assert_allclose(made[-1.0], 2 * made[0.0] - 1, atol=1e-6)


def test_chunks_of_the_latent_reach_their_blocks_alone() -> None:
    """Without skip_z there is BatchNorm without a code; with it a block's scales are linear in its own chunk."""
    z = jnp.zeros((2, 7))  # three chunks, of 3, 2 and 2
    params = shapes_of(BigGANGenerator(16, 1, width=2), z)[1]["params"]
    assert params["first"]["kernel"].shape == (3, 4 * 4 * 8)
    for block in (0, 1):
        assert params[f"block_{block}_norm_1"]["scale"]["kernel"].shape == (2, 8)
    params = shapes_of(BigGANGenerator(16, 1, width=2, classes=3, embedding=5), z, Y)[1]["params"]
    assert params["block_0_norm_0"]["offset"]["kernel"].shape == (2 + 5, 8)
    assert params["ClassEmbedding_0"]["embedding"].shape == (3, 5) and params["last_norm"]["scale"].shape == (8,)
    params = shapes_of(BigGANGenerator(16, 1, width=2, skip_z=False), z)[1]["params"]
    assert params["first"]["kernel"].shape == (7, 4 * 4 * 8) and params["block_0_norm_0"]["scale"].shape == (8,)


def test_residual_perceptrons_begin_without_their_branches() -> None:
    x = jax.random.normal(KEY, (5, 3))
    module = ResidualMLPDiscriminator(width=256, blocks=4)
    variables = jax.jit(partial(module.init, train=True))(KEY, x)
    kernels = {name: layer["kernel"] for name, layer in variables["params"].items()}
    short = {"params": {name: variables["params"][name] for name in ("first", "last")}}
    alone: Any = ResidualMLPDiscriminator(width=256, blocks=0).apply(short, x, train=True)
    np.testing.assert_array_equal(module.apply(variables, x, train=True), alone)
    for i in range(4):
        assert not np.any(kernels[f"block_{i}_1"])
        # He's deviation of sqrt(2 / 256), over the root of the number of blocks; five standard errors
        deviation = np.sqrt(2 / 256 / 4)
        np.testing.assert_allclose(np.std(kernels[f"block_{i}_0"]), deviation, rtol=5 / np.sqrt(2 * 256**2))
    normalized = ResidualMLPDiscriminator(width=8, spectral_norm=True)
    kernels = jax.jit(partial(normalized.init, train=True))(KEY, x)["params"]
    assert np.any(kernels["block_0_1"]["kernel"])


def test_layer_normalization_leaves_an_example_to_itself() -> None:
    x = jax.random.normal(KEY, (2, 16, 16, 1))
    module = WGANGPDiscriminator(width=4)
    variables = jax.jit(partial(module.init, train=True))(KEY, x)
    assert set(variables) == {"params"}  # no running statistics
    both, other = (np.asarray(module.apply(variables, a, train=True)) for a in (x, x.at[1].multiply(3.0)))
    np.testing.assert_allclose(both[0], other[0], rtol=1e-5)
    assert abs(both[1] - other[1]) > 1e-4


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: shapes_of(SNGANGenerator(28, 1), jnp.zeros((1, 4))),
            "an SNGAN makes .* 16, 32 or 48 .*, got 28; .* 32",
        ),
        (lambda: shapes_of(SNGANDiscriminator(), jnp.zeros((1, 64, 64, 1))), "got 64; the nearest is 48"),
        (lambda: shapes_of(WGANGPGenerator(48, 1), jnp.zeros((1, 4))), "a WGAN-GP ResNet makes .*got 48; .* is 32"),
        (lambda: shapes_of(InfoGANDiscriminator(), jnp.zeros((1, 30, 30, 1))), "got 30; the nearest are 28 and 32"),
        (lambda: infogan.quarter_of(300), "got 300; the nearest are 252 and 256"),
        (lambda: infogan.quarter_of(4), "got 4; the nearest are 8 and 12"),
        (lambda: shapes_of(BigGANGenerator(512, 3), jnp.zeros((1, 8))), "a BigGAN makes .*got 512; the nearest is 256"),
        (lambda: shapes_of(BigGANGenerator(16, 3, attention=4), jnp.zeros((1, 8))), "or one of 8, 16, the .*, got 4"),
        (lambda: shapes_of(BigGANGenerator(16, 3), jnp.zeros((1, 2))), "into 3 chunks, and needs as many .*, got 2"),
        (lambda: BigGANGenerator(16, 3, classes=3, condition="batch_norm"), "has no condition 'batch_norm'"),
    ],
)
def test_what_cannot_be_made_is_said_in_a_line(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
