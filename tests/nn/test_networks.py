"""The networks: shapes at every size, what Radford et al. 2016 ask for, and the perceptrons by hand."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn import DCGANDiscriminator, DCGANGenerator, MLPDiscriminator, MLPGenerator
from jaxgan.nn.dcgan import SIZES, base_size


def shapes_of(module: nn.Module, *inputs: jax.Array) -> tuple[jax.ShapeDtypeStruct, dict[str, Any]]:
    return jax.eval_shape(lambda key: module.init_with_output(key, *inputs, train=True), jax.random.key(0))


def started(module: nn.Module, x: jax.Array) -> Any:
    return jax.jit(lambda x: module.init(jax.random.key(0), x, train=True))(x)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
def test_dcgan_shapes(size: int, channels: int) -> None:
    image, _ = shapes_of(DCGANGenerator(size, channels, width=2), jnp.zeros((2, 5)))
    assert image.shape == (2, size, size, channels)
    logits, _ = shapes_of(DCGANDiscriminator(width=2), jnp.zeros(image.shape))
    assert logits.shape == (2,)


def test_sizes_are_a_base_of_few_pixels_doubled() -> None:
    assert {8, 12, 28, 32, 64, 128} <= set(SIZES)
    assert all(size == base * 2**stages and 2 <= base <= 7 for size, (base, stages) in SIZES.items())


@pytest.mark.parametrize(("size", "nearest"), [(30, "28 and 32"), (7, "8 and 10"), (200, "112 and 128")])
def test_other_sizes_raise_with_the_nearest(size: int, nearest: str) -> None:
    message = f"got {size}, the nearest are {nearest}"
    with pytest.raises(ValueError, match=message):
        base_size(size)
    with pytest.raises(ValueError, match=message):
        shapes_of(DCGANGenerator(size, 1), jnp.zeros((1, 5)))
    with pytest.raises(ValueError, match=message):
        shapes_of(DCGANDiscriminator(), jnp.zeros((1, size, size, 1)))


def test_dcgan_parameters() -> None:
    # No bias where BatchNorm follows; no BatchNorm on the generator's output or the discriminator's input.
    _, variables = shapes_of(DCGANGenerator(32, 3, width=4), jnp.zeros((2, 5)))
    assert jax.tree.map(lambda leaf: leaf.shape, variables["params"]) == {
        "Dense_0": {"kernel": (5, 4 * 4 * 16)},
        "BatchNorm_0": {"scale": (16,), "bias": (16,)},
        "ConvTranspose_0": {"kernel": (4, 4, 16, 8)},
        "BatchNorm_1": {"scale": (8,), "bias": (8,)},
        "ConvTranspose_1": {"kernel": (4, 4, 8, 4)},
        "BatchNorm_2": {"scale": (4,), "bias": (4,)},
        "ConvTranspose_2": {"kernel": (4, 4, 4, 3), "bias": (3,)},
    }
    _, variables = shapes_of(DCGANDiscriminator(width=4), jnp.zeros((2, 32, 32, 3)))
    assert jax.tree.map(lambda leaf: leaf.shape, variables["params"]) == {
        "Conv_0": {"kernel": (4, 4, 3, 4), "bias": (4,)},
        "Conv_1": {"kernel": (4, 4, 4, 8)},
        "BatchNorm_0": {"scale": (8,), "bias": (8,)},
        "Conv_2": {"kernel": (4, 4, 8, 16)},
        "BatchNorm_1": {"scale": (16,), "bias": (16,)},
        "Dense_0": {"kernel": (4 * 4 * 16, 1), "bias": (1,)},
    }


def test_dcgan_weights_start_normal_with_deviation_0_02() -> None:
    generator = started(DCGANGenerator(16, 1, width=32), jnp.zeros((1, 64)))
    discriminator = started(DCGANDiscriminator(32), jnp.zeros((1, 16, 16, 1)))
    kernels = [
        generator["params"]["Dense_0"]["kernel"],
        generator["params"]["ConvTranspose_0"]["kernel"],
        discriminator["params"]["Conv_1"]["kernel"],
    ]
    for kernel in map(np.ravel, kernels):
        assert kernel.size >= 2**15
        # five standard errors: the deviation's is 0.02 / sqrt(2 n), the mean's 0.02 / sqrt(n)
        np.testing.assert_allclose(kernel.std(), 0.02, rtol=5 / np.sqrt(2 * kernel.size))
        np.testing.assert_allclose(kernel.mean(), 0, atol=5 * 0.02 / np.sqrt(kernel.size))
        # a normal number is within one deviation with probability 0.6827, a uniform one with 0.577
        share = np.mean(np.abs(kernel) < 0.02)
        np.testing.assert_allclose(share, 0.6827, atol=5 * 0.47 / np.sqrt(kernel.size))


def test_images_lie_within_one_and_vary_over_the_whole_interval() -> None:
    generator = DCGANGenerator(8, 1, width=2)
    z = jax.random.normal(jax.random.key(1), (16, 4))
    variables = started(generator, z)
    loud = jax.tree.map(lambda a: 20 * a, variables["params"])  # weights of deviation 0.4
    variables = {**variables, "params": loud}
    image = jax.jit(lambda z: generator.apply(variables, z, train=True, mutable=["batch_stats"])[0])(z)
    assert np.all(np.abs(image) <= 1) and np.min(image) < -0.9 and np.max(image) > 0.9


def test_perceptrons_by_hand() -> None:
    x = np.random.default_rng(0).standard_normal((4, 3, 2)).astype(np.float32)
    networks: list[tuple[nn.Module, np.ndarray, int]] = [
        (MLPGenerator(5, hidden=(7,)), x[:, 0], 5),
        (MLPDiscriminator(hidden=(7,)), x, 1),
    ]
    for module, rows, features in networks:
        variables = started(module, jnp.asarray(rows))
        first, last = (variables["params"][name] for name in ("Dense_0", "Dense_1"))
        hidden = np.maximum(rows.reshape(4, -1) @ first["kernel"], 0)  # biases start at 0
        expected = (hidden @ last["kernel"]).reshape((4, 5) if features == 5 else (4,))
        assert last["kernel"].shape == (7, features)
        for train in (True, False):
            actual = jnp.asarray(module.apply(variables, jnp.asarray(rows), train=train))
            np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-6)  # sums of seven products near 1
