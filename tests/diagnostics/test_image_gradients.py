"""Gradients with respect to samples, each of its own loss, with the batch's statistics held."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.data import Examples, from_images
from jaxgan.diagnostics.frozen import ImageGradients, image_gradients, normalization_of
from jaxgan.game import adversarial_game
from jaxgan.losses import minimax, non_saturating, relativistic_average
from jaxgan.nn import DCGANDiscriminator, DCGANGenerator, MLPDiscriminator, MLPGenerator
from jaxgan.random import named_key
from jaxgan.types import QUANTILES, Array, Batch, Game, Key, Loss, Sampler, State
from tests.diagnostics.held import (
    KEY,
    LOSSES,
    NORMALIZED_GAME,
    TOY,
    N,
    assert_close,
    assert_same,
    bare,
    normalized_state,
    numbers,
    prior,
    toy_state,
)

IMAGES = from_images("noise", Examples(np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1), np.uint8)))
IMAGE_GAME = adversarial_game(DCGANGenerator(8, 1, width=4), DCGANDiscriminator(width=4), prior, non_saturating)


@functools.cache
def image_state() -> State:
    """Wider weights than at the start, so that logits and gradients differ."""
    params, model_state = jax.jit(IMAGE_GAME.init)(KEY, IMAGES.sample(KEY, N))
    return bare(jax.tree.map(lambda p: 3 * p, params), model_state)


class Labelled(nn.Module):
    """`network` on its input beside the condition."""

    network: nn.Module

    @nn.compact
    def __call__(self, x: Array, y: Array, *, train: bool) -> Array:
        return self.network(jnp.concatenate([x, y], axis=1), train=train)


def labelled_points(key: Key, n: int) -> Batch:
    y = jax.random.uniform(named_key(key, "label"), (n, 1))
    return Batch(jax.random.uniform(key, (n, 2)) * y, y)


LABEL_GAME = adversarial_game(
    Labelled(MLPGenerator(2, hidden=(8,))), Labelled(MLPDiscriminator(hidden=(8,))), prior, non_saturating
)
THREE = {"minimax": minimax, "non_saturating": non_saturating, "relativistic_average": relativistic_average}


@functools.cache
def label_state() -> State:
    return bare(*jax.jit(LABEL_GAME.init)(KEY, labelled_points(KEY, N)))


def seen_by_hand(game: Game, state: State, sample: Sampler, key: Key) -> Any:
    """(fake, real, condition, the discriminator's model state with the statistics of the fake batch)."""
    batch = sample(named_key(key, "data"), N)
    generator = state.params.generator, state.model_state.generator
    fake = game.sample(named_key(key, "sample"), *generator, N, y=batch.y)
    own = state.params.discriminator, state.model_state.discriminator
    return fake, batch.x, batch.y, normalization_of(game, *own, fake, batch.y)


@pytest.mark.parametrize("name", ["labels", "images"])
def test_image_gradients_are_those_of_each_samples_own_loss(name: str) -> None:
    game, sample = (LABEL_GAME, labelled_points) if name == "labels" else (IMAGE_GAME, IMAGES.sample)
    state = label_state() if name == "labels" else image_state()
    discriminate = game.discriminate
    assert discriminate is not None
    found = jax.jit(lambda state: image_gradients(KEY, game, THREE, state, sample, N))(state)

    @jax.jit
    def by_autodiff(state: State) -> list[Array]:
        fake, real, y, held = seen_by_hand(game, state, sample, KEY)

        def logits(x: Array) -> Array:
            return discriminate(KEY, state.params.discriminator, held, x, y)[0]

        def total(loss: Loss, x: Array) -> Array:
            parts = loss.generator(logits(real), logits(x))
            return jnp.sum(jnp.stack([jnp.mean(part) for part in (parts if isinstance(parts, tuple) else (parts,))]))

        return [N * jax.grad(functools.partial(total, loss))(fake) for loss in THREE.values()]

    for i, gradient in enumerate(by_autodiff(state)):
        each = np.asarray(gradient, np.float64).reshape(N, -1)
        lengths, mean = np.linalg.norm(each, axis=1), each.mean(axis=0)
        expected = ImageGradients(
            np.linalg.norm(mean),  # type: ignore[arg-type]
            np.sqrt(np.sum((each - mean) ** 2) / N),  # type: ignore[arg-type]
            np.quantile(lengths, QUANTILES),  # type: ignore[arg-type]
        )
        # float32 sums in another order; measured: 2e-7.
        assert_close(jax.tree.map(lambda a: a[i], found), expected, rtol=5e-6)  # noqa: B023
        assert np.ptp(lengths) > 0.01 * lengths.max() > 0


@pytest.fixture(scope="module")
def held() -> Any:
    """Logits of a batch of fakes in training and with its statistics held, and slopes of the first of them."""
    discriminate = IMAGE_GAME.discriminate
    assert discriminate is not None

    @jax.jit
    def look(state: State) -> Any:
        fake, *_, held = seen_by_hand(IMAGE_GAME, state, IMAGES.sample, KEY)
        params, model_state = state.params.discriminator, state.model_state.discriminator
        ways = [(held, False), (model_state, True), (model_state, False)]
        pulls = [
            jax.vjp(lambda x, way=way: discriminate(KEY, params, way[0], x, train=way[1])[0], fake) for way in ways
        ]
        return [(logits, pull(jnp.eye(N)[0])[0]) for logits, pull in pulls]

    return look(image_state())


def test_held_statistics_are_those_of_the_batch(held: Any) -> None:
    (by_held, _), (in_training, _), (at_the_start, _) = held
    # A statistic comes from a difference and a division by 1 - momentum = 0.1, a digit less; measured: 5e-7.
    assert_close(by_held, in_training, rtol=1e-5, atol=1e-6)
    assert np.max(np.abs(np.asarray(at_the_start - in_training))) > 0.1


def test_held_statistics_part_the_samples(held: Any) -> None:
    (_, by_held), (_, in_training), _ = (jax.tree.map(np.asarray, way) for way in held)
    assert np.all(by_held[1:] == 0) and np.any(by_held[0] != 0)
    assert np.all(np.any(in_training[1:] != 0, axis=(1, 2, 3)))


def test_only_statistics_are_held() -> None:
    x = jax.random.uniform(KEY, (N, 2)) * jnp.array([[3.0, 0.5]])
    params, own = normalized_state().params.discriminator, normalized_state().model_state.discriminator
    held = jax.jit(lambda x: normalization_of(NORMALIZED_GAME, params, own, x))(x)
    assert jax.tree.all(jax.tree.map(lambda a, b: a.shape == b.shape, held, own))
    old, new = own["batch_stats"], held["batch_stats"]
    assert_same(new["SpectralNorm_0"], old["SpectralNorm_0"])
    # From a difference, as above; measured: 1e-6.
    assert_close(new["BatchNorm_0"], {"mean": np.mean(x, axis=0), "var": np.var(x, axis=0)}, rtol=1e-5)
    assert all(np.all(new["BatchNorm_1"][name] != old["BatchNorm_1"][name]) for name in ("mean", "var"))
    assert NORMALIZED_GAME.discriminate is not None
    after = jax.jit(NORMALIZED_GAME.discriminate, static_argnames="train")(KEY, params, own, x, train=True)[1][
        "batch_stats"
    ]["BatchNorm_1"]
    statistics = jax.tree.map(lambda now, then: (now - 0.99 * then) / 0.01, after, old["BatchNorm_1"])
    # With a momentum of 0.99 both sides have two digits less than float32; measured: 4e-4 of small numbers.
    assert_close(new["BatchNorm_1"], statistics, rtol=1e-3, atol=1e-4)


def test_image_gradients_need_a_judge() -> None:
    with pytest.raises(ValueError, match=r"\Agradients with respect to examples need a game with `discriminate`, .*\Z"):
        image_gradients(KEY, TOY._replace(discriminate=None), LOSSES, toy_state((0, 1)), numbers, N)
