"""Games of every kind under the gradient probe and the frozen protocol: memories, packs, patches, extreme scales."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import toy
from jaxgan.diagnostics.frozen import against_discriminators, image_gradients, normalization_of
from jaxgan.diagnostics.gradients import gradient_probe, mean_loss
from jaxgan.dynamics import alternating, best_generator, discriminator_only, with_generator
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.losses import minimax, non_saturating, wasserstein
from jaxgan.nn import DCGANDiscriminator, DCGANGenerator, MLPDiscriminator, MLPGenerator, Packed
from jaxgan.random import named_key
from jaxgan.runs import run_seeds, seed_keys
from jaxgan.terms import lecam
from jaxgan.types import Augmentation, Batch, Generator, Players, State, StatefulTerm

KEY = jax.random.key(0)
LOSSES = {"minimax": minimax, "wasserstein": wasserstein}
DISCRIMINATOR = MLPDiscriminator(hidden=(8,))


class Patches(nn.Module):
    """Three logits an example."""

    @nn.compact
    def __call__(self, x, *, train):
        return nn.Dense(3)(nn.relu(nn.Dense(8)(x)))


def points(key, n):
    return Batch(jax.random.normal(key, (n, 2)))


def game_and_state(discriminator=DISCRIMINATOR, **options):
    game = adversarial_game(MLPGenerator(2, hidden=(8,)), discriminator, normal_prior(4), non_saturating, **options)
    params, model_state = game.init(KEY, points(KEY, 8))
    return game, State(params, model_state, None, None, jnp.int32(0))


def test_a_sampler_may_be_a_plain_function():
    game, tx = toy.gaussian_mean(minimax), optax.sgd(0.1)
    algorithm = alternating(game, tx, tx, batch_size=2)
    probe = gradient_probe(game, toy.standard_normal, LOSSES, batch_size=2)
    result = run_seeds(algorithm, toy.standard_normal, seed_keys(KEY, 2), 2, probe=probe)
    assert np.isfinite(result.probes.norm).all()
    generators = Generator({"theta": jnp.zeros((1, 2, 1))}, {})
    rule = discriminator_only(game, tx, batch_size=2)
    keys = seed_keys(KEY, 2)
    found = against_discriminators(rule, toy.standard_normal, keys, generators, LOSSES, 2, probes=2, batch_size=2)
    assert np.isfinite(found.gradients.norm).all()


@pytest.mark.parametrize(
    "options",
    [
        {"d_terms": (lecam(0.1),)},
        {"augment": Augmentation(lambda: jnp.zeros(()), lambda key, x, step, memory: x + memory, lambda _, m: m)},
    ],
    ids=["term", "augmentation"],
)
def test_memories_of_the_discriminator_do_not_matter_to_gradients_by_examples(options):
    plain, with_memory = (
        image_gradients(KEY, game, LOSSES, state, points, 8)
        for game, state in (game_and_state(), game_and_state(**options))
    )
    for a, b in zip(plain, with_memory, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_frozen_generator_keeps_the_memory_of_its_terms():
    def apply(view, memory):
        return view.fake_logits * memory, 0.9 * memory + jnp.mean(view.fake_logits)

    game, state = game_and_state(g_terms=(StatefulTerm(lambda: jnp.ones(()), apply),))
    generator = best_generator(state)
    assert with_generator(state, generator).model_state.generator.keys() == state.model_state.generator.keys()
    each = jax.tree.map(lambda a: jnp.stack([jnp.stack([a, a])]), generator)
    rule = discriminator_only(game, optax.sgd(0.1), batch_size=8)
    found = against_discriminators(rule, points, seed_keys(KEY, 2), each, LOSSES, 2, probes=2, batch_size=8)
    assert np.isfinite(found.gradients.norm).all()


@pytest.mark.parametrize("discriminator", [Packed(DISCRIMINATOR, 2), Patches()], ids=["packs", "patches"])
def test_gradients_by_examples_are_n_times_those_of_the_mean_loss(discriminator):
    game, state = game_and_state(discriminator)
    found = image_gradients(KEY, game, LOSSES, state, points, 8)
    fake = game.sample(named_key(KEY, "sample"), state.params.generator, {}, 8)
    for i, loss in enumerate(LOSSES.values()):

        def total(x, loss=loss):
            logits = game.discriminate(KEY, state.params.discriminator, {}, x)[0]
            return mean_loss(loss)(logits, logits)

        each = np.asarray(8 * jax.grad(total)(fake), np.float64)
        spread = np.sqrt(((each - each.mean(0)) ** 2).sum(axis=1).mean())
        # float32 through three layers
        np.testing.assert_allclose(found.norm[i], np.linalg.norm(each.mean(0)), rtol=1e-4)
        np.testing.assert_allclose(found.spread[i], spread, rtol=1e-4)


def test_noise_does_not_underflow_where_the_discriminator_is_all_but_flat():
    """Slopes times a power of two: the noise is exactly that much smaller, though its square is no float32."""
    game, state = game_and_state()
    probe = jax.jit(gradient_probe(game, points, LOSSES, minibatches=3, batch_size=8))
    own = state.params.discriminator
    flat = {**own, "Dense_1": {**own["Dense_1"], "kernel": own["Dense_1"]["kernel"] * 2.0**-72}}
    steep, shallow = probe(KEY, state), probe(KEY, state._replace(params=Players(state.params.generator, flat)))
    np.testing.assert_allclose(shallow.noise[1], steep.noise[1] * 2.0**-72, rtol=1e-5)
    np.testing.assert_allclose(shallow.snr[1], steep.snr[1], rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_held_statistics_are_those_of_the_batch_at_any_scale(scale):
    game = adversarial_game(DCGANGenerator(8, 1, width=4), DCGANDiscriminator(width=4), normal_prior(4), minimax)
    x = scale * jax.random.normal(KEY, (8, 8, 8, 1))
    params, state = game.init(KEY, Batch(x))
    assert game.discriminate
    held = normalization_of(game, params.discriminator, state.discriminator, x)
    still = game.discriminate(KEY, params.discriminator, held, x)[0]
    training = game.discriminate(KEY, params.discriminator, state.discriminator, x, train=True)[0]
    # statistics from two float32 passes, each off by some 1e-6
    np.testing.assert_allclose(still, training, rtol=1e-3, atol=1e-4)
