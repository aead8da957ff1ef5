"""pix2pix: what its weights mean, a game of images under every recipe, and pairs that stay pairs."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgan as jg
from jaxgan import recipes
from jaxgan.game import normal_prior
from jaxgan.losses import non_saturating
from jaxgan.nn import PatchDiscriminator, UNetGenerator
from jaxgan.runs import run
from jaxgan.types import Algorithm, Array, Batch, Key

KEY, PRIOR = jax.random.key(0), normal_prior(1)


def draw(key: Key, n: int) -> Batch:
    y = jax.random.normal(key, (n, 8, 8, 2))
    return Batch(jnp.tanh(y[..., :1]), y)


def pair(**fields: Any) -> tuple[UNetGenerator, PatchDiscriminator]:
    return UNetGenerator(8, 1, width=2, **fields), PatchDiscriminator(width=2)


@pytest.mark.parametrize(
    "recipe",
    [
        pytest.param(recipe, marks=[] if recipe.__name__ in ("pix2pix", "wgan_gp", "pacgan") else pytest.mark.slow)
        for recipe in recipes.ALL
    ],
    ids=lambda recipe: recipe.__name__,
)
def test_every_recipe_trains_a_u_net_against_a_patch_gan(recipe: Any) -> None:
    algorithm = recipe(*pair(), PRIOR, batch_size=4)
    state = jax.eval_shape(lambda key: run(algorithm, draw, key, 2).state, KEY)
    before = jax.eval_shape(lambda key: algorithm.init(key, draw), KEY)
    assert jax.tree.map(jnp.shape, state.params) == jax.tree.map(jnp.shape, before.params)


@pytest.mark.slow
def test_runs_of_a_u_net_and_a_patch_gan_swept_together_are_those_of_each_alone() -> None:
    def make(l1: Any) -> Algorithm:
        return recipes.pix2pix(*pair(), PRIOR, batch_size=4, l1=l1)

    keys = jax.random.split(KEY, 2)
    together: Any = jg.sweep(make, {"l1": [0.0, 100.0]}, draw, keys, 3)
    alone: Any = jax.jit(lambda key: run(make(100.0), draw, key, 3))(keys[1])
    # Three steps: batched convolutions round differently, and Adam's first updates are signs.
    close = functools.partial(np.testing.assert_allclose, rtol=2e-3, atol=2e-3)
    jax.tree.map(lambda a, b: close(a[1, 1], b), together.info, alone.info)
    assert not np.allclose(together.info.g_loss[0, 1], alone.info.g_loss)


def objectives(game: Any, params: Any, state: Any, batch: Batch, n: int) -> list[float]:
    players = (game.generator, game.discriminator)
    return [float(jax.jit(one, static_argnums=4)(KEY, params, state, batch, n, jnp.int32(0))[0]) for one in players]


def test_pairs_in_another_order_are_the_same_game_and_other_pairs_are_not() -> None:
    game = recipes.pix2pix(*pair(dropout=0.0), PRIOR).game
    batch = draw(jax.random.key(1), 4)
    params, state = game.init(KEY, batch)
    order = jnp.array([2, 0, 3, 1])
    values = objectives(game, params, state, batch, 4)
    # means over 4 images in another order, in 32 bits
    np.testing.assert_allclose(objectives(game, params, state, Batch(batch.x[order], batch.y[order]), 4), values, 1e-5)
    mixed = objectives(game, params, state, Batch(batch.x, batch.y[order]), 4)
    assert np.all(np.abs(np.subtract(mixed, values)) > 1e-4)


def test_the_objectives_are_the_papers() -> None:
    """L_G = adversarial softplus(-D(G)) + l1 |x - G| + l2 (x - G)^2, L_D half of the cross-entropy."""
    names = ("adversarial", "l1", "l2", "d_weight")
    batch = draw(jax.random.key(1), 4)
    params, state = jax.jit(recipes.pix2pix(*pair(), PRIOR).game.init)(KEY, batch)

    @jax.jit
    def both(weights: Array) -> Array:
        game = recipes.pix2pix(*pair(), PRIOR, **dict(zip(names, weights, strict=True))).game  # one program for all
        players = game.generator, game.discriminator
        return jnp.stack([one(KEY, params, state, batch, 4, jnp.int32(0))[0] for one in players])

    alone, l1, l2 = (both(row) for row in jnp.eye(4)[:3])
    found, whole = both(jnp.array([0.3, 2.0, 5.0, 0.5])), both(jnp.ones(4))
    np.testing.assert_allclose(found[0], 0.3 * alone[0] + 2 * l1[0] + 5 * l2[0], rtol=1e-5)  # sums in 32 bits
    np.testing.assert_allclose(found[1], whole[1] / 2, rtol=1e-5)
    plain = recipes.ns_gan(*pair(), PRIOR).game
    assert plain.loss is non_saturating
    expected = objectives(plain, params, state, batch, 4)
    np.testing.assert_allclose([alone[0], whole[1]], expected, rtol=1e-5)


class Constant(nn.Module):
    """One number for every condition."""

    @nn.compact
    def __call__(self, z: Array, y: Array, train: bool) -> Array:
        return jnp.broadcast_to(self.param("answer", nn.initializers.constant(0.6), (1, 1)), (len(z), 1))


class Joint(nn.Module):
    @nn.compact
    def __call__(self, x: Array, y: Array, train: bool) -> Array:
        return nn.Dense(1)(jnp.concatenate([x, y], axis=1))[:, 0]


@pytest.mark.parametrize(("weights", "answer"), [({"l2": 1.0, "l1": 0.0}, 0.25), ({"l1": 1.0}, 0.0)])
def test_l2_answers_with_the_conditional_mean_and_l1_with_the_median(weights: dict[str, Any], answer: float) -> None:
    """The target is 1 in a quarter of the cases and else 0, whatever the condition."""

    def two_points(key: Key, n: int) -> Batch:
        return Batch(jnp.where(jnp.arange(n) % 4 == 0, 1.0, 0.0).reshape(n, 1), jnp.zeros((n, 1)))

    algorithm = recipes.pix2pix(
        Constant(), Joint(), PRIOR, adversarial=0.0, lr_g=1e-2, b1=0.0, batch_size=64, **weights
    )
    state = jax.jit(lambda key: run(algorithm, two_points, key, 300).state)(KEY)
    assert state.params.generator["answer"].item() == pytest.approx(answer, abs=0.02)  # Adam's steps are of 0.01


@pytest.mark.parametrize("name", ["adversarial", "l1", "l2", "d_weight"])
def test_weights_below_zero_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"must be a finite number of at least 0, got -1.0"):
        weight: Any = {name: -1.0}
        recipes.pix2pix(*pair(), PRIOR, **weight)
