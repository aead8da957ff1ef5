"""R3GAN's networks: as many parameters as published, blocks that start as the identity, and one step over seeds."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.dynamics import alternating
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.losses import relativistic
from jaxgan.nn import R3GANDiscriminator, R3GANGenerator, parameter_count
from jaxgan.nn.r3gan import Bottleneck
from jaxgan.runs import run_seeds, seed_keys
from jaxgan.types import Batch

KEY = jax.random.key(0)
Z = jax.random.normal(KEY, (4, 8))


@pytest.mark.parametrize(
    ("size", "of_generator", "of_discriminator"),
    # layers of the authors' code (brownvc/R3GAN: R3GAN/Networks.py with the presets CIFAR10, FFHQ-64 and FFHQ-256 of
    # train.py); 20.7 million each for CIFAR-10 in the paper
    [(32, 20_732_160, 20_683_776), (64, 22_429_824, 22_381_440), (256, 23_057_952, 23_009_568)],
)
def test_there_are_as_many_parameters_as_published(size: int, of_generator: int, of_discriminator: int) -> None:
    assert parameter_count(R3GANGenerator(size, 3), (64,)) == of_generator
    assert parameter_count(R3GANDiscriminator(), (size, size, 3)) == of_discriminator


@pytest.mark.parametrize(
    ("size", "fields", "of_generator", "of_discriminator"),
    [
        (32, {"classes": 10}, 20_781_952, 21_280_512),  # the same code with --cond=1
        # presets ImageNet-32 and ImageNet-64, of 1000 classes
        (32, {"classes": 1000, "channel_base": 49152, "channel_max": 1536, "group": 32}, 82_914_304, 86_548_992),
        (64, {"classes": 1000, "channel_base": 98304, "channel_max": 1536, "group": 32}, 103_570_432, 107_205_120),
    ],
)
def test_there_are_as_many_with_classes(
    size: int, fields: dict[str, Any], of_generator: int, of_discriminator: int
) -> None:
    z, image, y = (jax.ShapeDtypeStruct(s, t) for s, t in (((1, 64), "f4"), ((1, size, size, 3), "f4"), ((1,), "i4")))
    for module, x, expected in (
        (R3GANGenerator(size, 3, **fields), z, of_generator),
        (R3GANDiscriminator(**fields), image, of_discriminator),
    ):
        made: Any = module
        shapes = jax.eval_shape(lambda x, y, made=made: made.init(KEY, x, y, train=True), x, y)
        assert sum(a.size for a in jax.tree.leaves(shapes["params"])) == expected


@pytest.mark.parametrize("size", [8, 16, 128])
def test_shapes(size: int) -> None:
    image, variables = jax.eval_shape(lambda: R3GANGenerator(size, 2, width=4).init_with_output(KEY, Z, train=True))
    assert image.shape == (4, size, size, 2)
    logits = jax.eval_shape(
        lambda: R3GANDiscriminator(width=4).init_with_output(KEY, jnp.zeros(image.shape), train=True)[0]
    )
    assert logits.shape == (4,)
    blocks = [name for name in variables["params"] if name.startswith("block")]
    assert len(blocks) == 2 * (np.log2(size) - 1)


def test_weights_start_smaller_the_deeper_the_network_and_the_last_at_zero() -> None:
    x = jax.random.normal(KEY, (64, 4, 4, 32))
    for depth in (1, 16):
        y, variables = jax.jit(lambda depth=depth: Bottleneck(depth).init_with_output(KEY, x))()
        np.testing.assert_array_equal(y, x)
        gain = np.sqrt(2 / 1.04) * depth ** (-1 / 4)
        for name, inputs in (("wide", 32), ("grouped", 9 * 16)):
            kernel = variables["params"][name]["kernel"]
            # at least 2,048 numbers: three standard errors are 0.047
            np.testing.assert_allclose(jnp.std(kernel), gain / np.sqrt(inputs), rtol=0.05)
        np.testing.assert_array_equal(variables["params"]["narrow"]["kernel"], 0)
    assert variables["params"]["grouped"]["kernel"].shape == (3, 3, 16, 64)  # four groups of 16


def test_a_group_sees_no_other() -> None:
    block, x = Bottleneck(depth=1, group=4), jax.random.normal(KEY, (1, 4, 4, 4))
    params = jax.tree.map(
        lambda a: jax.random.normal(KEY, a.shape), block.init(KEY, x)["params"]
    )  # 8 channels within, two groups
    cut = params | {"narrow": {"kernel": params["narrow"]["kernel"].at[..., 4:, :].set(0)}}
    changed = cut | {"wide": jax.tree.map(lambda a: a.at[..., 4:].add(1.0), cut["wide"])}
    first, second = (block.apply({"params": p}, x) for p in (cut, changed))
    np.testing.assert_array_equal(first, second)
    assert np.abs(np.asarray(block.apply({"params": params}, x)) - first).max() > 0.1


def test_classes_make_a_difference_and_what_cannot_be_is_refused() -> None:
    y, x = jnp.array([0, 1, 2, 2]), jax.random.normal(KEY, (4, 8, 8, 1))
    for module, inputs in ((R3GANGenerator(8, 1, width=2, classes=3), Z), (R3GANDiscriminator(width=2, classes=3), x)):
        made: Any = module
        variables = jax.jit(lambda inputs, y, made=made: made.init(KEY, inputs, y, train=True))(inputs, y)
        call = jax.jit(lambda inputs, y, made=made, own=variables: made.apply(own, inputs, y, train=True))
        difference = np.abs(call(inputs, y) - call(inputs, jnp.zeros(4, int))).reshape(4, -1).max(axis=1)
        assert (difference > 1e-6).tolist() == [False, True, True, True]
    with pytest.raises(ValueError, match="powers of two; got 28, the nearest are 16 and 32"):
        jax.eval_shape(lambda: R3GANGenerator(28, 1).init(KEY, Z, train=True))
    with pytest.raises(ValueError, match="a group of 16 does not divide 24 channels, 2 times the width"):
        jax.eval_shape(lambda: R3GANDiscriminator(width=12).init(KEY, x, train=True))
    with pytest.raises(ValueError, match="R3GANDiscriminator has no condition 'classifier'; it has projection"):
        R3GANDiscriminator(classes=3, condition="classifier")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [None, "bfloat16"])
def test_a_step_over_two_seeds_is_finite(dtype: Any) -> None:
    generator = R3GANGenerator(16, 1, width=2, blocks=1, group=4, dtype=dtype)
    discriminator = R3GANDiscriminator(width=2, blocks=1, group=4, dtype=dtype)
    game = adversarial_game(generator, discriminator, normal_prior(4), relativistic)
    algorithm = alternating(game, optax.adam(1e-3), optax.adam(1e-3), batch_size=4)
    images = jax.random.uniform(KEY, (4, 16, 16, 1), minval=-1, maxval=1)
    result = run_seeds(algorithm, lambda key, n: Batch(images[:n]), seed_keys(KEY, 2), num_steps=1)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((result.state.params, result.info)))
    assert {a.dtype for a in jax.tree.leaves(result.state.params)} == {jnp.dtype("float32")}
    assert np.all(result.info.g_grad_norm > 0) and np.all(result.info.d_grad_norm > 0)


def test_over_seeds_there_is_no_convolution_and_the_result_is_the_same() -> None:
    module, x = R3GANDiscriminator(width=4, blocks=1, group=4), jax.random.normal(KEY, (2, 8, 8, 1))
    keys = jax.random.split(KEY, 2)
    shapes = jax.eval_shape(lambda: module.init(KEY, x, train=True)["params"])
    leaves, form = jax.tree.flatten(shapes)
    params = [jax.random.normal(jax.random.fold_in(KEY, i), (2, *leaf.shape)) / 3 for i, leaf in enumerate(leaves)]

    def score(*params: Any) -> Any:
        return module.apply({"params": jax.tree.unflatten(form, params)}, x, train=True)

    many = jax.jit(jax.vmap(score))
    assert " convolution(" not in str(many.lower(*params).compile().as_text())
    for i in range(len(keys)):
        alone = jax.jit(score)(*(a[i] for a in params))
        np.testing.assert_allclose(many(*params)[i], alone, rtol=1e-4, atol=1e-5)
