"""StyleGAN2: as many parameters as published, mixing, truncation and noise, and one step of training over seeds."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.dynamics import alternating
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.losses import non_saturating
from jaxgan.nn import StyleGAN2Discriminator, StyleGAN2Generator, parameter_count
from jaxgan.nn.stylegan2 import Synthesis, layers_of
from jaxgan.runs import run_seeds, seed_keys
from jaxgan.types import Array, Batch, Key

KEY = jax.random.key(0)
KEYS = {"params": KEY, "noise": jax.random.key(1)}
Z = jax.random.normal(KEY, (4, 8))
SMALL: dict[str, Any] = {"size": 8, "channels": 3, "width": 4, "mapping_layers": 2}


def started(**fields: Any) -> tuple[StyleGAN2Generator, Any]:
    """A small generator, with strong noise and layers that do not learn slowly."""
    generator = StyleGAN2Generator(**SMALL | fields)
    variables = jax.jit(lambda: generator.init(KEYS, Z, *_classes(generator), train=True))()
    params = jax.tree_util.tree_map_with_path(
        lambda path, a: jnp.ones_like(a) if "noise_strength" in str(path[-1]) else a, variables["params"]
    )
    return generator, variables | {"params": params}


def _classes(generator: Any) -> tuple[Array, ...]:
    return (jnp.arange(4) % generator.classes,) if generator.classes else ()


def ws_of(generator: Any, variables: Any, *inputs: Array, key: int = 1, **options: Any) -> Any:
    rngs = {"noise": jax.random.key(key)}
    return generator.apply(variables, *inputs, rngs=rngs, method="mapping", mutable=["averages"], **options)


@pytest.mark.parametrize(
    ("size", "of_generator", "of_discriminator"),
    # layers of stylegan2-ada-pytorch (training/networks.py, channel_base 32768, 8 mapping layers), without its buffers:
    # filters, constant noise and the mean of w. A log of it prints "Total 29012513" for D at 1024.
    [
        (32, 21_523_475, 21_507_073),
        (256, 30_034_338, 28_864_129),
        (512, 30_276_583, 28_982_849),
        (1024, 30_370_060, 29_012_513),
    ],
)
def test_there_are_as_many_parameters_as_published(size: int, of_generator: int, of_discriminator: int) -> None:
    assert parameter_count(StyleGAN2Generator(size, 3), (512,)) == of_generator
    assert parameter_count(StyleGAN2Discriminator(), (size, size, 3)) == of_discriminator


def test_the_mapping_network_has_the_rest() -> None:
    shapes = jax.eval_shape(lambda: StyleGAN2Generator(1024, 3).init(KEYS, jnp.zeros((1, 512)), train=True))
    parts = {name: sum(a.size for a in jax.tree.leaves(tree)) for name, tree in shapes["params"].items()}
    assert parts == {"mapping_network": 2_101_248, "synthesis_network": 28_268_812}  # of the same code


def test_classes_add_an_embedding_and_a_mapping_network_of_the_discriminators() -> None:
    # stylegan2-ada-pytorch: G embeds 10 classes in 512 numbers that join z; D maps them by 8 layers, and its output
    # has as many numbers
    z, image, y = (jax.ShapeDtypeStruct(s, t) for s, t in (((1, 512), "f4"), ((1, 32, 32, 3), "f4"), ((1,), "i4")))
    embedding, layer = 10 * 512 + 512, 512 * 512 + 512
    for module, x, expected in (
        (StyleGAN2Generator(32, 3, classes=10), z, 21_523_475 + embedding + 512 * 512),
        (StyleGAN2Discriminator(classes=10), image, 21_507_073 + embedding + 9 * layer - 513),
    ):
        made: Any = module
        shapes = jax.eval_shape(lambda x, y, made=made: made.init(KEYS, x, y, train=True), x, y)
        assert sum(a.size for a in jax.tree.leaves(shapes["params"])) == expected


@pytest.mark.parametrize("size", [8, 16, 64])
def test_shapes_and_layers(size: int) -> None:
    generator = StyleGAN2Generator(size, 2, width=1)
    image, variables = jax.eval_shape(lambda: generator.init_with_output(KEYS, Z, train=True))
    assert image.shape == (4, size, size, 2)
    assert jax.tree.map(jnp.shape, variables["averages"]) == {"mapping_network": {"w": (8,)}}
    convolutions = [name for name in variables["params"]["synthesis_network"] if name.startswith(("conv", "up"))]
    assert len(convolutions) + 1 == layers_of(size) == 2 * np.log2(size) - 2
    logits = jax.eval_shape(
        lambda: StyleGAN2Discriminator(width=1).init_with_output(KEY, jnp.zeros(image.shape), train=True)[0]
    )
    assert logits.shape == (4,)


def test_other_sizes_conditions_and_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="powers of two; got 28, the nearest are 16 and 32"):
        jax.eval_shape(lambda: StyleGAN2Generator(28, 1).init(KEYS, Z, train=True))
    with pytest.raises(ValueError, match="powers of two; got 12"):
        jax.eval_shape(lambda: StyleGAN2Discriminator().init(KEYS, jnp.zeros((1, 12, 12, 1)), train=True))
    with pytest.raises(ValueError, match="StyleGAN2Generator has no condition 'batch_norm'; it has embedding"):
        StyleGAN2Generator(8, 1, classes=3, condition="batch_norm")
    with pytest.raises(ValueError, match="StyleGAN2Discriminator has no condition 'classifier'; it has projection"):
        StyleGAN2Discriminator(classes=3, condition="classifier")
    generator, variables = started()
    with pytest.raises(ValueError, match=r"images of 8 pixels need w for 4 layers, got \[4, 3, 8\]"):
        generator.apply(variables, jnp.zeros((4, 3, 8)), method="synthesis", rngs=KEYS)


def test_in_training_a_batch_is_mixed_from_one_layer_on() -> None:
    generator, variables = started(size=16)
    layers = layers_of(16)
    plain = np.asarray(ws_of(generator, variables, Z)[0])
    assert np.ptp(plain, axis=1).max() == 0

    def mixed(key: Key) -> Any:
        rngs = {"noise": key}
        return generator.apply(variables, Z, train=True, method="mapping", rngs=rngs, mutable=["averages"])[0]

    firsts = []
    for ws in np.asarray(jax.jit(jax.vmap(mixed))(jax.random.split(KEY, 200))):
        own = (np.abs(ws - plain) < 1e-5).all(axis=-1)  # [n, layers], to rounding
        assert (own == own[0]).all()  # the same layers in the whole batch
        first = own[0].sum()
        assert own[0, :first].all() and not own[0, first:].any()
        firsts.append(first)
    # 0.9 of 200 batches, a standard error of 0.021; every place is as likely: 1 to 5
    assert 0.81 < np.mean(np.array(firsts) < layers) < 0.99
    assert set(firsts) == set(range(1, layers + 1))
    unmixed = generator.clone(style_mixing=0.0)
    np.testing.assert_array_equal(ws_of(unmixed, variables, Z, train=True)[0], plain)


def test_the_mean_of_w_moves_in_training_alone() -> None:
    generator, variables = started()
    w = np.asarray(ws_of(generator, variables, Z)[0])[:, 0]
    np.testing.assert_array_equal(variables["averages"]["mapping_network"]["w"], np.zeros(8))  # nor does `init` move it
    expected = np.zeros(8)
    for _ in range(3):
        _, new = ws_of(generator, variables, Z, train=True)  # mixing's other latents leave no trace
        variables, expected = variables | new, 0.995 * expected + 0.005 * w.mean(axis=0)
        np.testing.assert_allclose(new["averages"]["mapping_network"]["w"], expected, rtol=1e-5)
    _, same = ws_of(generator, variables, Z)
    np.testing.assert_array_equal(same["averages"]["mapping_network"]["w"], new["averages"]["mapping_network"]["w"])


def test_truncation_draws_w_towards_its_mean_outside_of_training() -> None:
    generator, variables = started(truncation=0.5, style_mixing=0.0)
    mean = np.arange(8, dtype=np.float32)
    variables = variables | {"averages": {"mapping_network": {"w": jnp.asarray(mean)}}}
    whole = np.asarray(ws_of(generator, variables, Z, truncation=1.0)[0])
    np.testing.assert_array_equal(ws_of(generator, variables, Z, train=True)[0], whole)
    for found, psi in (
        (ws_of(generator, variables, Z)[0], 0.5),
        (ws_of(generator, variables, Z, truncation=0.0)[0], 0.0),
        (jax.jit(lambda psi: ws_of(generator, variables, Z, truncation=psi)[0])(0.7), 0.7),
    ):
        np.testing.assert_allclose(found, mean + psi * (whole - mean), rtol=1e-5, atol=1e-6)
    first = ws_of(generator.clone(cutoff=3), variables, Z, truncation=0.0)[0]
    np.testing.assert_allclose(first[:, :3], np.broadcast_to(mean, (4, 3, 8)), rtol=1e-6)
    np.testing.assert_array_equal(first[:, 3:], whole[:, 3:])


def test_a_generator_is_its_mapping_and_its_synthesis() -> None:
    generator, variables = started(noise="constant")
    whole = jax.jit(lambda: generator.apply(variables, Z, train=False))()
    ws = ws_of(generator, variables, Z)[0]
    made = jax.jit(lambda w: generator.apply(variables, w, method="synthesis"))
    np.testing.assert_allclose(made(ws), whole, atol=1e-5)
    np.testing.assert_allclose(made(ws[:, 0]), whole, atol=1e-5)
    # the first layers of one and the last of another image: neither
    mixed = made(jnp.concatenate([ws[:, :2], ws[::-1, 2:]], axis=1))
    assert np.abs(mixed - whole).max() > 0.1 and np.abs(mixed - whole[::-1]).max() > 0.1


def test_latents_count_by_their_direction_and_classes_make_a_difference() -> None:
    generator, variables = started(classes=3)
    y = jnp.array([0, 1, 2, 2])
    ws = ws_of(generator, variables, Z, y)[0]
    np.testing.assert_allclose(ws_of(generator, variables, 7 * Z, y)[0], ws, rtol=1e-3, atol=1e-5)
    assert np.abs(ws_of(generator, variables, Z, jnp.zeros(4, int))[0] - ws).max(axis=(1, 2)).astype(bool).tolist() == [
        False, True, True, True,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="StyleGAN2Generator with 3 classes got no condition"):
        ws_of(generator, variables, Z)
    discriminator, x = (
        StyleGAN2Discriminator(width=4, classes=3, mapping_layers=2),
        jax.random.normal(KEY, (4, 8, 8, 3)),
    )
    own = jax.jit(lambda: discriminator.init(KEY, x, y, train=True))()
    judge = jax.jit(lambda y: discriminator.apply(own, x, y, train=True))
    logits = [judge(classes) for classes in (y, jnp.zeros(4, int))]
    assert (np.abs(logits[0] - logits[1]) > 1e-6).tolist() == [False, True, True, True]


def noise_of(generator: Any, n: int, key: int) -> list[Any]:
    """What the layers of a small generator add, from 4 pixels up."""
    synthesis = Synthesis(3, ((4, 8), (8, 4)), generator)
    bound = synthesis.bind({}, rngs={"noise": jax.random.key(key)})
    return [None if a is None else np.asarray(a) for a in bound._noise(n)]


def test_noise_is_drawn_for_every_example_and_layer_or_fixed() -> None:
    drawn = noise_of("random", 3, 0)
    assert [a.shape for a in drawn] == [(3, 4, 4), (3, 8, 8), (3, 8, 8)]
    numbers = np.concatenate([a.ravel() for a in drawn])
    assert len(set(numbers)) == numbers.size == 3 * (16 + 64 + 64)  # no number twice
    np.testing.assert_allclose([numbers.mean(), numbers.std()], [0, 1], atol=0.2)  # of 432: four standard errors
    assert not np.isin(noise_of("random", 3, 1)[1], drawn[1]).any()
    constant = noise_of("constant", 3, 0)
    assert [a.shape for a in constant] == [(1, 4, 4), (1, 8, 8), (1, 8, 8)]
    for one, other in zip(constant, noise_of("constant", 2, 1), strict=True):
        np.testing.assert_array_equal(one, other)
    assert noise_of("none", 3, 0) == [None] * 3
    with pytest.raises(ValueError, match="noise must be one of random, constant, none, got 'loud'"):
        jax.eval_shape(lambda: StyleGAN2Generator(8, 1, noise="loud").init(KEYS, Z, train=True))


@pytest.mark.parametrize("noise", ["random", "none"])
def test_samples_of_a_game_have_the_noise_that_a_generator_asks_for(noise: str) -> None:
    generator, variables = started(noise=noise)
    params, state = variables["params"], {"averages": variables["averages"]}

    def same_latents(key: Key, n: int) -> Array:
        return Z[:n]

    game = adversarial_game(generator, StyleGAN2Discriminator(width=2), same_latents, non_saturating)
    sample = jax.jit(lambda key: game.sample(key, params, state, 4))
    first, again, other = (np.asarray(sample(jax.random.key(i))) for i in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (np.abs(first - other).max() > 0.1) == (noise == "random")


def trained(size: int, dtype: Any) -> Any:
    """Of two seeds, after one step."""
    generator = StyleGAN2Generator(size, 1, width=2, mapping_layers=2, dtype=dtype)
    discriminator = StyleGAN2Discriminator(width=2, dtype=dtype)
    game = adversarial_game(generator, discriminator, normal_prior(4), non_saturating)
    algorithm = alternating(game, optax.adam(1e-3), optax.adam(1e-3), batch_size=4)
    images = jax.random.uniform(KEY, (4, size, size, 1), minval=-1, maxval=1)
    return run_seeds(algorithm, lambda key, n: Batch(images[:n]), seed_keys(KEY, 2), num_steps=1)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "dtype"), [(16, None), (16, "bfloat16")])
def test_a_step_over_two_seeds_is_finite(size: int, dtype: Any) -> None:
    result = trained(size, dtype)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((result.state.params, result.info)))
    assert {a.dtype for a in jax.tree.leaves(result.state.params)} == {jnp.dtype("float32")}
    means = result.state.model_state.generator["averages"]["mapping_network"]["w"]
    assert means.shape == (2, 4) and np.all(np.any(means != 0, axis=1))
    assert np.all(result.info.g_grad_norm > 0) and np.all(result.info.d_grad_norm > 0)


def test_over_seeds_there_is_no_convolution() -> None:
    generator, discriminator = StyleGAN2Generator(8, 1, width=1, mapping_layers=1), StyleGAN2Discriminator(width=1)

    def scores(key: Key) -> Any:
        image, _ = generator.init_with_output({"params": key, "noise": key}, Z[:2], train=True)
        return discriminator.init_with_output(key, image, train=True)[0]

    program = jax.jit(jax.vmap(scores)).lower(jax.random.split(KEY, 2)).compile()
    assert " convolution(" not in str(program.as_text())


def test_bfloat16_is_near_float32() -> None:
    generator, variables = started(noise="constant")
    ws = ws_of(generator, variables, Z)[0]

    def both(module: Any, variables: Any, x: Any, **options: Any) -> Any:
        own = [module.clone(dtype=dtype) for dtype in (None, jnp.bfloat16)]
        return jax.jit(lambda x: [one.apply(variables, x, **options) for one in own])(x)

    wide, narrow = both(generator, variables, ws, method="synthesis")
    assert narrow.dtype == jnp.float32
    np.testing.assert_allclose(narrow, wide, atol=0.05 * np.abs(wide).max())  # eight bits a number, a few layers
    assert np.abs(narrow - wide).max() > 0
    discriminator, x = StyleGAN2Discriminator(width=4), jax.random.normal(KEY, (4, 8, 8, 3))
    wide, narrow = both(discriminator, jax.jit(lambda: discriminator.init(KEY, x, train=True))(), x, train=True)
    np.testing.assert_allclose(narrow, wide, atol=0.05 * np.abs(wide).max() + 0.02)
