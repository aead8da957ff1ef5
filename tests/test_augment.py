"""Augmentations by hand and in a game; the adaptive one by its own rule."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.special import expit

from jaxgan.augment import adaptive, chain, color, cutout, diff_augment, instance_noise, translation
from jaxgan.dynamics import alternating
from jaxgan.random import named_key
from jaxgan.terms import balanced_consistency, consistency, latent_consistency
from jaxgan.types import Array, Augmentation, Batch, Key, Players, Transform, View
from tests.views import KEY, REAL, A, W, Z, added, close, game_of, view_of

STEP = jnp.int32(0)
IMAGES = jax.random.uniform(KEY, (5, 8, 12, 3), minval=-1)
TRANSFORMS = [color(), translation(), cutout(), diff_augment()]


def applied(augmentation: Augmentation, x: Any, memory: Any = (), key: Key = KEY, step: Any = STEP) -> Array:
    return augmentation.apply(key, jnp.asarray(x), step, memory)


def test_color_by_hand() -> None:
    brightness, saturation, contrast = np.asarray(jax.random.uniform(KEY, (3, 5, 1, 1, 1)))
    x = np.asarray(IMAGES) + brightness - 0.5
    gray = x.mean(axis=3, keepdims=True)
    x = gray + 2 * saturation * (x - gray)
    mean = x.mean(axis=(1, 2, 3), keepdims=True)
    close(color()(KEY, IMAGES), mean + (contrast + 0.5) * (x - mean), atol=1e-6)  # numbers near 1
    for numbers in (brightness, saturation, contrast):
        assert len(np.unique(numbers)) == 5


@pytest.mark.parametrize(("ratio", "most"), [(0.125, (1, 2)), (0.3, (2, 4)), (0.01, (1, 1)), (0.0, (0, 0))])
def test_translations_are_windows_of_the_image_in_zeros(ratio: float, most: tuple[int, int]) -> None:
    n, height, width = 600, 6, 12
    image = np.arange(1.0, height * width + 1, dtype=np.float32).reshape(height, width, 1)
    moved = np.asarray(translation(ratio)(KEY, jnp.broadcast_to(image, (n, *image.shape))))
    padded = np.pad(image, ((most[0], most[0]), (most[1], most[1]), (0, 0)))
    counts = [
        np.sum(np.all(moved == padded[i : i + height, j : j + width], axis=(1, 2, 3)))
        for i in range(2 * most[0] + 1)
        for j in range(2 * most[1] + 1)
    ]
    assert sum(counts) == n
    # each shift is as frequent: at most 45 counts with the deviation of a Poisson number, five of them
    np.testing.assert_allclose(counts, n / len(counts), atol=5 * np.sqrt(n / len(counts)))


@pytest.mark.parametrize(("ratio", "sizes"), [(0.5, (4, 6)), (0.4, (3, 5)), (1.0, (8, 12)), (0.0, (0, 0))])
def test_cutouts_are_squares_of_the_side_around_any_place(ratio: float, sizes: tuple[int, int]) -> None:
    x = np.ones((3000, 8, 12, 2), np.float32) * np.array([1, -2], np.float32)
    cut = np.asarray(cutout(ratio)(KEY, jnp.asarray(x)))
    holes = np.all(cut == 0, axis=3)
    np.testing.assert_array_equal(cut, np.where(holes[..., None], 0, x))
    rows, columns = holes.any(axis=2), holes.any(axis=1)
    np.testing.assert_array_equal(holes, rows[:, :, None] & columns[:, None, :])
    places = []
    for found, side, size in ((rows, 8, sizes[0]), (columns, 12, sizes[1])):
        pixel = np.arange(side)
        firsts = np.arange(side + 1 - size % 2) - size // 2  # an even size has its centre between two pixels
        expected = {tuple((pixel >= first) & (pixel < first + size)) for first in firsts}
        assert {tuple(one) for one in found} == expected
        places.append(len(expected))
    # all pairs of the up to 117: one is missing with probability 117 exp(-3000 / 117), 1e-9
    assert len(np.unique(holes, axis=0)) == places[0] * places[1]


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_randomness_is_by_example_and_by_key(transform: Transform) -> None:
    x = jnp.asarray(np.repeat(IMAGES[:1], 20, axis=0))
    one, other = (np.asarray(transform(key, x)) for key in jax.random.split(KEY))
    assert len(np.unique(one, axis=0)) > 5
    assert np.any(one != other)
    np.testing.assert_array_equal(transform(jax.random.split(KEY)[0], x), one)


HALF = adaptive(*TRANSFORMS)
NOISE = instance_noise(0.5)


@pytest.mark.parametrize(
    "change",
    [
        *TRANSFORMS,
        lambda key, x: HALF.apply(key, x, STEP, jnp.float32(0.5)),
        lambda key, x: NOISE.apply(key, x, STEP, ()),
    ],
)
def test_gradients_pass_through(change: Transform) -> None:
    """Each is an affine map of x: its gradient is that of its differences."""
    weights, step = (jax.random.normal(key, IMAGES.shape) for key in jax.random.split(KEY))

    def value(x: Array) -> Array:
        return jnp.sum(weights * change(KEY, x))

    gradient = jax.grad(value)(IMAGES)
    assert np.all(np.any(gradient != 0, axis=(1, 2, 3)))
    # a sum of 1440 products of 32-bit numbers, which is near 40
    np.testing.assert_allclose(jnp.sum(gradient * step), value(IMAGES + step) - value(IMAGES), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(("make", "name"), [(color, "color"), (translation, "translation"), (cutout, "cutout")])
def test_images_only(make: Callable[[], Transform], name: str) -> None:
    for shape in ((4, 2), (8, 8, 3)):
        with pytest.raises(ValueError, match=rf"{name} needs images .* got shape \({shape[0]}, {shape[1]}"):
            make()(KEY, jnp.zeros(shape))


def test_a_chain_is_one_after_another_with_keys_of_their_own() -> None:
    first, second = (named_key(KEY, f"transform {i}") for i in range(2))
    np.testing.assert_array_equal(
        chain(translation(), color())(KEY, IMAGES), color()(second, translation()(first, IMAGES))
    )
    np.testing.assert_array_equal(diff_augment()(KEY, IMAGES), chain(color(), translation(), cutout())(KEY, IMAGES))
    np.testing.assert_array_equal(chain()(KEY, IMAGES), IMAGES)


def test_instance_noise_has_its_deviation() -> None:
    x = np.full((4000, 2), 3, np.float32)

    def uniform(key: Key, shape: tuple[int, ...], dtype: Any) -> Array:
        return jax.random.uniform(key, shape, dtype, -np.sqrt(3), np.sqrt(3))

    for augmentation in (instance_noise(0.5), instance_noise(0.5, uniform)):
        noise = applied(augmentation, x) - x
        # five standard errors of 8000 numbers: 0.5 / sqrt(n) of the mean, 0.5 / sqrt(2 n) of a normal deviation
        np.testing.assert_allclose([noise.mean(), noise.std() - 0.5], 0, atol=5 * 0.5 / np.sqrt(8000))
    assert np.abs(noise).max() < 0.5 * np.sqrt(3) + 1e-6  # of the uniform draw
    np.testing.assert_array_equal(applied(instance_noise(0.0), x), x)


def test_instance_noise_may_follow_a_schedule() -> None:
    fading = instance_noise(optax.linear_schedule(0.5, 0.0, 10))
    x = jnp.zeros((4, 2))
    full = applied(instance_noise(0.5), x)
    assert np.all(full != 0)
    for step, share in ((0, 1), (4, 0.6), (10, 0), (11, 0)):
        close(applied(fading, x, step=jnp.int32(step)), share * full, atol=1e-7)  # the schedule rounds, 0.5 - 0.5
    assert applied(fading, x.astype(jnp.bfloat16)).dtype == jnp.bfloat16


def test_real_and_fake_examples_get_noise_of_their_own_and_both_players_see_it() -> None:
    game = game_of(augment=instance_noise(0.5))
    params, state = game.init(KEY, Batch(jnp.asarray(REAL)))
    assert state == Players({}, {})
    for objective in (game.discriminator, game.generator):
        _, evaluation = objective(KEY, params, state, Batch(jnp.asarray(REAL)), 4, STEP)
        noises = (jax.random.normal(named_key(KEY, f"augment {side}"), (4, 2)) for side in ("real", "fake"))
        real, fake = (x + 0.5 * noise for x, noise in zip((REAL, Z @ A), noises, strict=True))
        close(evaluation.real_logits, real @ W)
        close(evaluation.fake_logits, fake @ W)
        assert np.all((real - REAL) != (fake - Z @ A))


class Shift(nn.Module):
    """x = z A + theta."""

    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> Array:
        return z @ A + self.param("theta", nn.initializers.zeros, (2,)).reshape(1, 2)


def test_the_generator_learns_through_the_augmentation() -> None:
    game = game_of(Shift(), augment=lambda key, x: -0.1 * x)
    params, state = game.init(KEY, Batch(jnp.asarray(REAL)))

    def value(own: Any) -> Array:
        return game.generator(KEY, params._replace(generator=own), state, Batch(jnp.asarray(REAL)), 4, STEP)[0]

    slopes = -expit(-0.1 * Z @ A @ W)  # of minimax, with respect to the logits
    close(jax.grad(value)(params.generator)["theta"], -0.1 * W * slopes.mean())
    x = game.sample(KEY, params.generator, {}, 4)
    np.testing.assert_allclose(x, Z @ A, rtol=1e-6)  # samples are not augmented


@pytest.mark.parametrize("target", [0.0, 0.5])
def test_adaptive_follows_its_rule(target: float) -> None:
    augmentation = adaptive(color(), target=target, images=16)
    rng = np.random.default_rng(0)
    shares = [1.0] * 6 + [0.75] * 2 + [0.0] * 9 + list(rng.uniform(0, 1, 20))
    p, memory, seen = 0.0, augmentation.init(), []
    for share in shares:
        logits = np.where(np.arange(4) < round(4 * share), 2.0, -3.0)
        p = float(np.clip(p + np.sign(np.sign(logits).mean() - target) * 4 / 16, 0, 1))
        memory = augmentation.update(view_of()._replace(real_logits=jnp.asarray(logits)), memory)
        assert memory == p  # quarters are exact
        seen.append(p)
    assert {0.0, 0.25, 0.5, 0.75, 1.0} == set(seen)
    assert target == 0 or seen[6] == seen[7] == 1.0  # three of four: r is the target, and p stays


def test_only_discriminator_updates_move_it() -> None:
    game = game_of(augment=adaptive(lambda key, x: 2 * x, images=100))
    algorithm = alternating(game, optax.sgd(0.0), optax.sgd(0.0), batch_size=4, d_steps=3, g_steps=2)
    state = algorithm.init(KEY, ones)
    assert state.model_state == Players({}, {"augment": 0})
    state, _ = jax.jit(lambda state: algorithm.step(KEY, state, ones))(state)
    # r = 1: the logits of the real examples are 7 or 14
    np.testing.assert_allclose(state.model_state.discriminator["augment"], 3 * 4 / 100, rtol=1e-6)
    certain = state.model_state._replace(discriminator={"augment": jnp.float32(1)})
    for objective, after in ((game.generator, {}), (game.discriminator, {"augment": 1})):
        _, evaluation = objective(KEY, state.params, certain, ones(KEY, 4), 4, STEP)
        np.testing.assert_array_equal(evaluation.real_logits, 14)
        close(evaluation.fake_logits, 2 * Z @ A @ W)
        assert evaluation.model_state == after


def ones(key: Key, n: int) -> Batch:
    return Batch(jnp.ones((n, 2)))


def test_adaptive_chooses_each_transform_for_each_example() -> None:
    augmentation = adaptive(lambda key, x: x + 1, lambda key, x: x + 10)
    x = np.zeros((4000, 1, 1, 1), np.float32)
    np.testing.assert_array_equal(applied(augmentation, x, jnp.float32(0)), 0)
    np.testing.assert_array_equal(applied(augmentation, x, jnp.float32(1)), 11)
    found = np.asarray(applied(augmentation, x, jnp.float32(0.3)))
    shares = [np.mean(found == total) for total in (0, 1, 10, 11)]
    # a share has a standard error of at most 0.5 / sqrt(n); five of them
    np.testing.assert_allclose(shares, [0.49, 0.21, 0.21, 0.09], atol=5 * 0.5 / np.sqrt(4000))


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (translation, "ratio", -0.1),
        (translation, "ratio", 1.5),
        (cutout, "ratio", -0.1),
        (cutout, "ratio", float("nan")),
        (instance_noise, "sigma", -0.1),
        (instance_noise, "sigma", float("inf")),
        (adaptive, "target", 1.5),
        (adaptive, "images", 0),
    ],
)
def test_numbers_outside_their_range_raise(make: Callable[..., Any], name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be .*, got {value}"):
        make(**{name: value})


def test_what_a_term_compares_is_augmented_alike_and_each_term_on_its_own() -> None:
    def unchanged(key: Key, x: Array) -> Array:
        return x

    seen: list[np.ndarray] = []

    def spy(view: View) -> Array:
        seen.append(np.asarray(view.critic(view.real)))
        return jnp.zeros(1)

    noise = instance_noise(0.3)
    for term in (consistency(unchanged), balanced_consistency(unchanged), latent_consistency(sigma=0.0)):
        assert added(game_of(augment=noise, d_terms=(term,)), "discriminator") == 0
    added(game_of(augment=noise, d_terms=(spy, spy)), "discriminator")
    assert np.all(seen[0] != seen[1])


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_transforms_work_where_numbers_are_wide(transform: Transform, dtype: str) -> None:
    x = jnp.ones((2, 8, 8, 3), dtype)
    assert transform(jax.random.key(0), x).dtype == dtype
