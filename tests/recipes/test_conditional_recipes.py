"""The conformance suite with a conditional game: every recipe, alone and among others, and what it learns."""

import functools
import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgan as jg
from jaxgan import recipes
from jaxgan.game import auxiliary_classifier, class_prior, normal_prior
from jaxgan.nn import MLPDiscriminator, MLPGenerator
from jaxgan.runs import run, run_seeds
from jaxgan.runs.run import start
from jaxgan.types import Algorithm, Array, Batch, Key
from tests.recipes.test_recipes import KEYS, RECIPES

MEANS = jnp.array([-1.0, 1.0])
PRIOR = normal_prior(1)
# A loss, a penalty of real examples and one between them, and examples in packs: the others take these ways, too.
_KINDS = ("gan", "r1_gan", "wgan_gp", "pacgan")
WAYS = (("embedding", "projection"), ("concatenation", "concatenation"), ("embedding", "classifier"))


def draw(key: Key, n: int) -> Batch:
    """One class around -1, one around 1."""
    class_key, noise_key = jax.random.split(key)
    y = jax.random.bernoulli(class_key, 0.3, (n,)).astype(jnp.int32)
    return Batch(MEANS[y].reshape(n, 1) + 0.3 * jax.random.normal(noise_key, (n, 1)), y)


def algorithm_of(recipe: Any, ways: tuple[str, str], weight: Any = 1.0, **settings: Any) -> Algorithm:
    of_generator, of_discriminator = ways
    networks = (
        MLPGenerator(1, (), classes=2, condition=of_generator),
        MLPDiscriminator((16,), classes=2, condition=of_discriminator),
    )
    how = {"make_game": auxiliary_classifier(weight)} if of_discriminator == "classifier" else {}
    return recipe(*networks, PRIOR, **how, **settings)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in _KINDS else pytest.mark.slow) for name in RECIPES]
)
def test_a_recipe_trains_a_conditional_game_alike_alone_and_among_others(name: str) -> None:
    ways = WAYS[list(RECIPES).index(name) % len(WAYS)]  # each with a third of the recipes
    algorithm = algorithm_of(getattr(recipes, name), ways, batch_size=8)
    together: Any = jax.jit(jax.vmap(lambda key: run(algorithm, draw, key, 3)))(KEYS[:3])
    alone: Any = jax.jit(lambda key: run(algorithm, draw, key, 3))(KEYS[2])
    # Losses, norms and outputs of three steps. Not parameters: where Adam has b1 = 0 an update is a sign at first, and
    # that of a gradient of 0 is rounding, in which batched products differ.
    close = functools.partial(np.testing.assert_allclose, rtol=2e-3, atol=2e-3)
    jax.tree.map(lambda a, b: close(a[2], b), together.info, alone.info)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(together.info))


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_takes_what_makes_its_game(name: str) -> None:
    """With a prior of conditions: it is asked at every pass of the generator."""
    asked: list[int] = []

    def prior(key: Key, n: int) -> Array:
        asked.append(n)
        return class_prior([1, 1])(key, n)

    recipe = getattr(recipes, name)
    make = functools.partial(jg.adversarial_game, condition_prior=prior)
    networks = MLPGenerator(1, (), classes=2), MLPDiscriminator((4,), classes=2)
    algorithm = recipe(*networks, PRIOR, batch_size=8, make_game=make)
    jax.eval_shape(lambda key: run(algorithm, draw, key, 1).state, KEYS[0])
    assert len(asked) >= 2 and set(asked) == {8}
    assert inspect.signature(recipe).parameters["make_game"].default is jg.adversarial_game


def classifying(weight: Any) -> Algorithm:
    return algorithm_of(recipes.ns_gan, WAYS[2], weight, batch_size=8, lr_g=1e-2, lr_d=1e-2)


def test_the_weight_of_an_auxiliary_classifier_is_swept_in_one_program() -> None:
    swept = jg.sweep(classifying, {"weight": [0.0, 3.0]}, draw, KEYS[:2], 3).state.params
    alone = jax.jit(lambda key: run(classifying(3.0), draw, key, 3))(KEYS[1]).state.params
    close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=4e-5)  # as above
    jax.tree.map(lambda a, b: close(a[1, 1], b), swept, alone)
    kernels = swept.discriminator["Dense_2"]["kernel"]  # of the class logits, which nothing else moves
    first = jax.jit(lambda key: start(classifying(3.0), draw, key))(KEYS[1]).params.discriminator["Dense_2"]["kernel"]
    close(kernels[0, 1], first)
    assert not np.allclose(kernels[1, 1], first, atol=1e-3)


@pytest.mark.parametrize("ways", WAYS)
def test_a_conditional_game_learns_the_mean_of_each_class(ways: tuple[str, str]) -> None:
    algorithm = algorithm_of(recipes.ns_gan, ways, batch_size=64, lr_g=1e-2, lr_d=1e-2)
    params = run_seeds(algorithm, draw, KEYS[:4], 500).state.params.generator

    def means(own: Any) -> Array:
        y = jnp.repeat(jnp.arange(2), 250)
        return jnp.mean(algorithm.game.sample(KEYS[0], own, {}, 500, y).reshape(2, 250), axis=1)

    found = jax.vmap(means)(params)
    assert np.sum(np.all(np.abs(found - MEANS[None]) < 0.3, axis=1)) >= 3, found
