"""Terms of logits, samples and parameters by hand; the coefficients of all terms."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn import BigGANGenerator, DCGANGenerator, MLPDiscriminator, R3GANGenerator, StyleGAN2Generator
from jaxgan.terms import (
    balanced_consistency,
    consistency,
    dragan,
    every,
    feature_matching,
    gradient_penalty,
    l1_to_real,
    l2_to_real,
    latent_consistency,
    latent_diversity,
    lecam,
    one_sided_gradient_penalty,
    orthogonal,
    path_length,
    r1,
    r2,
    zero_centered_gradient_penalty,
)
from jaxgan.types import Array, Batch, Key, PyTree, View
from tests.views import FAKE, KEY, REAL, A, W, Y, Z, added, close, energy, game_of, twice, values, view_of

BATCH = Batch(jnp.asarray(REAL), jnp.asarray(Y))


@pytest.mark.parametrize("decay", [0.0, 0.9, 1.0])
def test_lecam_follows_the_averages_of_the_other_side(decay: float) -> None:
    logits = np.random.default_rng(0).normal(size=(5, 2, 4)).astype(np.float32) + np.array([[1], [-2]], np.float32)
    term = lecam(3.0, decay)
    memory: PyTree = term.init()
    averages, seen = np.zeros(2), 0.0
    for real, fake in logits:
        view = view_of()._replace(real_logits=jnp.asarray(real), fake_logits=jnp.asarray(fake))
        averages = decay * averages + (1 - decay) * np.array([real.mean(), fake.mean()])
        seen = decay * seen + 1 - decay
        a_real, a_fake = averages / (seen or 1)

        def value(real: Array, view: View = view, memory: PyTree = memory) -> Array:
            return jnp.mean(term.apply(view._replace(real_logits=real), memory)[0])

        found, gradient = jax.value_and_grad(value)(view.real_logits)
        close(found, 3 * (np.mean((real - a_fake) ** 2) + np.mean((fake - a_real) ** 2)))
        close(gradient, 3 * 2 * (real - a_fake) / 4)  # none passes through the averages
        _, memory = term.apply(view, memory)
    close(memory, [*averages, seen])


def test_path_length_by_hand() -> None:
    term = path_length(3.0, 0.75)
    memory: PyTree = term.init()
    a = 0.0
    for step in range(3):
        key = jax.random.fold_in(KEY, step)
        lengths = np.linalg.norm(jax.random.normal(key, (4, 2)) @ A.T, axis=1)
        a = 0.75 * a + 0.25 * lengths.mean()

        def value(scale: Array, key: Key = key, memory: Array = memory) -> tuple[Array, tuple[Array, Array]]:
            found, memory = term.apply(view_of(generate=lambda z: scale * z @ A, key=key), memory)
            return jnp.mean(found), (found, memory)

        gradient, (found, memory) = jax.grad(value, has_aux=True)(jnp.ones(()))
        close(found, 3 * (lengths - a) ** 2, atol=1e-6)  # differences of numbers near 2
        close(gradient, np.mean(6 * (lengths - a) * lengths), rtol=1e-4)  # none passes through the average
        close(memory, a)


@pytest.mark.parametrize(("shape", "pixels"), [((4,), 1), ((2, 2, 1), 4)])
def test_path_lengths_average_is_the_expected_length(shape: tuple[int, ...], pixels: int) -> None:
    rows = np.array(
        [[1, 1, 1, 1], [1, -1, 1, -1]], np.float32
    )  # orthogonal, of length 2: A y is N(0, 4 I) for y ~ N(0, I)
    term, z = path_length(), jnp.zeros((256, 2))

    def generate(z: Array) -> Array:
        return (z @ rows).reshape(-1, *shape)

    def step(memory: Array, key: Key) -> tuple[Array, None]:
        view = view_of()._replace(generate=generate, fake=generate(z), z=z, key=key)
        return term.apply(view, memory)[1], None

    memory, _ = jax.lax.scan(step, term.init(), jax.random.split(KEY, 1500))
    # E |N(0, s^2 I)| = s sqrt(pi / 2) in the plane; 199 batches count, of 256, so the standard error is 0.2 percent
    np.testing.assert_allclose(memory, 2 * np.sqrt(np.pi / 2) / np.sqrt(pixels), rtol=0.01)


def test_consistency_by_hand() -> None:
    real, fake = REAL @ W, FAKE[:3] @ W
    view = view_of(fake=FAKE[:3])
    close(values(consistency(twice), view), 10 * real**2)
    close(values(consistency(twice, 3.0), view), 3 * real**2)
    close(values(balanced_consistency(twice), view), 10 * np.mean(real**2) + 10 * np.mean(fake**2))
    close(values(balanced_consistency(twice, 3.0, 5.0), view), 3 * np.mean(real**2) + 5 * np.mean(fake**2))


def test_latent_consistency_and_diversity_by_hand() -> None:
    view = view_of(fake=Z @ A)
    noise = np.asarray(jax.random.normal(KEY, Z.shape)) @ A
    near = functools.partial(close, rtol=1e-3, atol=1e-5)  # squares of small differences of numbers near 10
    near(values(latent_consistency(), view), 5 * (0.03 * noise @ W) ** 2)
    near(values(latent_consistency(3.0, 0.5), view), 3 * (0.5 * noise @ W) ** 2)
    near(values(latent_diversity(), view), -0.5 * (0.03 * noise) ** 2)
    near(values(latent_diversity(3.0, 0.5), view), -3 * (0.5 * noise) ** 2)


def test_balanced_consistency_augments_both_sides_apart() -> None:
    keys: list[Key] = []

    def kept(key: Key, x: Array) -> Array:
        keys.append(key)
        return x

    values(balanced_consistency(kept), view_of())
    assert len(keys) == 2 and keys[0] != keys[1]


@pytest.mark.parametrize(("augment", "scale"), [(None, 1), (twice, 2)])
def test_feature_matching_by_hand(augment: Any, scale: float) -> None:
    discriminator = MLPDiscriminator(hidden=(5, 4))
    game = game_of(discriminator=discriminator, g_terms=(feature_matching(3.0),), augment=augment)
    params, _ = game.init(KEY, Batch(BATCH.x))

    def features(x: np.ndarray) -> np.ndarray:
        for name in ("Dense_0", "Dense_1"):
            x = np.maximum(x @ params.discriminator[name]["kernel"], 0)
        return x.mean(axis=0)

    expected = 3 * np.sum((features(scale * REAL) - features(scale * np.resize(Z, (6, 3)) @ A)) ** 2)
    assert expected > 0.01
    close(added(game, "generator", num_fake=6), expected, rtol=1e-4)  # the difference of two totals


def test_feature_matching_needs_features() -> None:
    with pytest.raises(ValueError, match='needs a discriminator that sows "features"'):
        added(game_of(g_terms=(feature_matching(),)), "generator")


def test_orthogonal_by_hand() -> None:
    rng = np.random.default_rng(0)
    kernels = [rng.normal(size=shape).astype(np.float32) for shape in ((3, 2), (2, 2, 1, 3))]
    expected = 0.0
    for kernel in kernels:
        products = kernel.reshape(-1, kernel.shape[-1]).T @ kernel.reshape(-1, kernel.shape[-1])
        expected += sum(p**2 for (i, j), p in np.ndenumerate(products) if i != j)
    dense, conv = map(jnp.asarray, kernels)
    params: Any = {"dense": {"kernel": dense, "bias": jnp.ones(2)}, "conv": {"kernel": conv}}
    close(values(orthogonal(3.0), view_of(params=params)), 3 * expected)
    close(values(orthogonal(), view_of(params=params)), 1e-4 * expected)
    assert values(orthogonal(), view_of(params={"kernel": jnp.array([[3.0, 0], [0, 5], [0, 0]])})) == 0
    named = {"last": {"kernel": jnp.ones((3, 2))}, "layer": {"kernel": jnp.array([[1.0, 2.0]])}}
    close(values(orthogonal(1.0), view_of(params=named)), 2 * 3.0**2 + 2 * 2.0**2)  # two entries off the diagonal each
    close(values(orthogonal(1.0, but_for=("last",)), view_of(params=named)), 2 * 2.0**2)
    with pytest.raises(ValueError, match="parameters named kernel with two axes or more, got layer/kernel, layer/w"):
        values(orthogonal(), view_of(params={"layer": {"w": jnp.ones((3, 2)), "kernel": jnp.ones(2)}}))


def _tables(path: Any, leaf: Array) -> Array:
    """Parameters with several axes that are no kernels, a hundred times as large."""
    return leaf if path[-1].key == "kernel" or leaf.ndim < 2 else 100 * (leaf + 1)


@pytest.mark.parametrize(
    "generator",
    [
        DCGANGenerator(8, 1, width=2, classes=10),  # scale and bias [10, c], embedding [10, d]
        BigGANGenerator(16, 1, width=2, classes=10),
        StyleGAN2Generator(8, 1, width=2, mapping_layers=1, classes=10),  # constant [4, 4, c]
        R3GANGenerator(8, 1, width=8, classes=10),  # basis [4, 4, c]
    ],
)
def test_orthogonal_is_of_kernels_alone(generator: Any) -> None:
    z, y, keys = jnp.ones((2, 10)), jnp.array([1, 7]), {"params": jax.random.key(0), "noise": jax.random.key(1)}
    shapes = jax.eval_shape(lambda: generator.init(keys, z, y, train=True))["params"]
    params = jax.tree.map(lambda leaf: jnp.sin(jnp.arange(leaf.size).reshape(leaf.shape)), shapes)
    louder = jax.tree_util.tree_map_with_path(_tables, params)
    assert any(np.any(a != b) for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(louder), strict=True))
    found = values(orthogonal(), view_of(params=louder))
    assert found == values(orthogonal(), view_of(params=params)) > 0


@pytest.mark.parametrize(("term", "distance"), [(l1_to_real, np.abs), (l2_to_real, np.square)])
def test_distances_to_the_real_image_of_the_same_condition(term: Any, distance: Any) -> None:
    expected = np.mean(distance(Z @ A + Y[:, None] - REAL))
    for weight, own in ((100, term()), (3, term(3.0))):
        game = game_of(g_terms=(own,))
        close(added(game, "generator", BATCH), weight * expected, rtol=1e-4)  # the difference of two totals
    with pytest.raises(ValueError, match=f"{term.__name__} .* no condition y"):
        added(game, "generator")
    with pytest.raises(ValueError, match=rf"{term.__name__} .* real \(4, 2\) and fake \(3, 2\)"):
        added(game, "generator", BATCH, num_fake=3)


COEFFICIENTS: list[tuple[Callable[..., Any], str]] = [
    (r1, "gamma"),
    (r2, "gamma"),
    (gradient_penalty, "weight"),
    (one_sided_gradient_penalty, "weight"),
    (zero_centered_gradient_penalty, "weight"),
    (dragan, "weight"),
    (lecam, "weight"),
    (functools.partial(consistency, twice), "weight"),
    (functools.partial(balanced_consistency, twice, fake_weight=0.0), "real_weight"),
    (functools.partial(balanced_consistency, twice, real_weight=0.0), "fake_weight"),
    (latent_consistency, "weight"),
    (latent_diversity, "weight"),
    (feature_matching, "weight"),
    (orthogonal, "weight"),
    (path_length, "weight"),
    (l1_to_real, "weight"),
    (l2_to_real, "weight"),
]
SETTINGS: list[tuple[Callable[..., Any], str]] = [
    (gradient_penalty, "target"),
    (one_sided_gradient_penalty, "target"),
    (dragan, "target"),
    (dragan, "scale"),
    (latent_consistency, "sigma"),
    (latent_diversity, "sigma"),
    (lecam, "decay"),
    (path_length, "decay"),
]


@pytest.mark.parametrize(("make", "name"), COEFFICIENTS)
def test_a_coefficient_may_be_a_schedule_or_traced(make: Callable[..., Any], name: str) -> None:
    view = view_of(energy, step=jnp.int32(3), y=BATCH.y)
    one = values(make(**{name: 1.0}), view)
    assert np.any(one != 0)
    close(values(make(**{name: lambda step: 0.5 * step}), view), 1.5 * one)
    swept = jax.vmap(lambda coefficient: values(make(**{name: coefficient}), view))(jnp.array([0.0, 1.0, 2.5]))
    close(swept, np.multiply.outer([0, 1, 2.5], one), rtol=1e-4, atol=1e-6)  # vmap may round latents differently


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
@pytest.mark.parametrize(("make", "name"), COEFFICIENTS + SETTINGS)
def test_other_coefficients_raise(make: Callable[..., Any], name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be .*, got {value}"):
        make(**{name: value})


def test_settings_outside_their_range_raise() -> None:
    for make in (lecam, path_length):
        with pytest.raises(ValueError, match=r"^decay must be .* at most 1, got 1.5"):
            make(decay=1.5)
    for k in (0, -2, 1.5):
        with pytest.raises(ValueError, match=rf"^k must be a whole number of at least 1, got {k}"):
            every(k, r1())  # type: ignore[arg-type]
