"""What a discriminator tells, of games in which it is known."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
import pytest

from jaxgan.diagnostics import discrimination_probe
from jaxgan.dynamics import alternating
from jaxgan.game import adversarial_game, normal_prior
from jaxgan.losses import hinge, minimax, non_saturating, wasserstein
from jaxgan.metrics.ranks import superiority
from jaxgan.nn import MLPDiscriminator, MLPGenerator, Packed, StyleGAN2Discriminator
from jaxgan.random import named_key
from jaxgan.runs.run import start
from jaxgan.types import Batch, BatchSizes, Game, Loss, State


class Shift(nn.Module):
    """Samples are latents around a parameter."""

    at: float

    @nn.compact
    def __call__(self, z):
        return z + self.param("at", nn.initializers.constant(self.at), ())


class First(nn.Module):
    """The score is the first coordinate."""

    @nn.compact
    def __call__(self, x):
        return x[:, 0] * self.param("slope", nn.initializers.ones, ())


def around(at: float):
    return lambda key, n: Batch(at + jax.random.normal(key, (n, 1)))


def seen(loss: Loss, fake: float, train: float, heldout: float):
    game = adversarial_game(Shift(fake), First(), normal_prior(1), loss)
    probe = discrimination_probe(game, around(train), around(heldout), batch_size=500)
    return probe(jax.random.key(1), untrained(game))


def untrained(game: Game) -> State:
    algorithm = alternating(game, optax.sgd(0.1), optax.sgd(0.1), batch_size=4)
    return start(algorithm, around(0.0), jax.random.key(0))


def test_alike_is_a_coins_flip():
    found = seen(non_saturating, fake=0.0, train=0.0, heldout=0.0)
    # Of 500 and 500 a standard deviation of 0.018.
    assert found.separation == pytest.approx(0.5, abs=0.075) and found.training_edge == pytest.approx(0.5, abs=0.075)
    assert found.saturated == 0.0


def test_apart_is_certain_and_the_order_counts():
    assert seen(wasserstein, fake=-20.0, train=0.0, heldout=0.0).separation == 1.0
    assert seen(wasserstein, fake=20.0, train=0.0, heldout=0.0).separation == 0.0
    assert seen(wasserstein, fake=0.0, train=20.0, heldout=0.0).training_edge == 1.0


def test_normal_distributions_overlap_as_they_do():
    """P(x > y) of two unit normals d apart is Phi(d / sqrt 2): 0.760 for d = 1."""
    found = seen(non_saturating, fake=0.0, train=0.0, heldout=1.0)
    assert found.separation == pytest.approx(0.760, abs=0.06)


def test_samples_are_saturated_where_their_loss_has_no_slope():
    """log(1 - D) has a slope of -D: below 0.01 for logits below -4.6. -log D has 1 - D there."""
    assert seen(minimax, fake=-20.0, train=0.0, heldout=0.0).saturated == 1.0
    assert seen(non_saturating, fake=-20.0, train=0.0, heldout=0.0).saturated == 0.0
    assert seen(non_saturating, fake=20.0, train=0.0, heldout=0.0).saturated == 1.0
    half = seen(minimax, fake=-4.595, train=0.0, heldout=0.0).saturated
    assert half == pytest.approx(0.5, abs=0.1)  # 4 standard deviations of 500 draws


def test_a_game_without_a_discriminator_to_ask_is_refused():
    game = adversarial_game(Shift(0.0), First(), normal_prior(1), minimax)._replace(discriminate=None)
    with pytest.raises(ValueError, match="expected a game with `discriminate`"):
        discrimination_probe(game, around(0.0), around(0.0))


def test_without_a_loss_nothing_is_known_to_be_saturated():
    game = adversarial_game(Shift(0.0), First(), normal_prior(1), minimax)
    probe = discrimination_probe(game._replace(loss=None), around(0.0), around(0.0), batch_size=4, examples=4)
    assert jnp.isnan(probe(jax.random.key(1), untrained(game)).saturated)


class Flat(nn.Module):
    """Images of 8 x 8 pixels from latents."""

    @nn.compact
    def __call__(self, z, *, train):
        return MLPGenerator(64)(z, train=train).reshape(-1, 8, 8, 1)


def images(key, n):
    return Batch(jax.random.normal(key, (n, 8, 8, 1)))


@pytest.mark.parametrize("sizes", [8, BatchSizes(8, 12, 4)])
@pytest.mark.parametrize("discriminator", [StyleGAN2Discriminator(width=2), Packed(MLPDiscriminator((4,)), 4)])
def test_examples_are_scored_in_the_batches_of_training(discriminator, sizes):
    """20 examples, of which neither groups of 4 of a batch of 20 nor other groups have these scores."""
    game = adversarial_game(Flat(), discriminator, normal_prior(2), hinge)
    algorithm = alternating(game, optax.sgd(0.1), optax.sgd(0.1), batch_size=sizes)
    state, key = start(algorithm, images, jax.random.key(0)), jax.random.key(1)
    found = discrimination_probe(game, images, images, batch_size=sizes, examples=20)(key, state)

    discriminate = game.discriminate
    assert discriminate is not None

    def scores(x, size):
        own = state.params.discriminator, state.model_state.discriminator
        parts = [discriminate(key, *own, x[i : i + size])[0] for i in range(0, len(x), size)]
        return jnp.concatenate(parts)

    size = 8 if sizes == 8 else 12
    generator = state.params.generator, state.model_state.generator
    fakes = scores(game.sample(named_key(key, "fake"), *generator, 24), size)
    seen, unseen = (scores(images(named_key(key, name), 24).x, 8) for name in ("train", "heldout"))
    assert found.separation == superiority(unseen, fakes)
    assert found.training_edge == superiority(seen, unseen)


class Crowd(nn.Module):
    """The score is the first coordinate, higher in a larger batch."""

    @nn.compact
    def __call__(self, x):
        return 100.0 * (len(x) != 4) + x[:, 0] * self.param("slope", nn.initializers.ones, ())


def test_saturation_is_of_the_scores_in_training():
    game = adversarial_game(Shift(0.0), Crowd(), normal_prior(1), non_saturating)
    for size, saturated in ((4, 0.0), (250, 1.0)):  # 1 - D is the slope of -log D
        probe = discrimination_probe(game, around(0.0), around(0.0), batch_size=size)
        assert probe(jax.random.key(1), untrained(game)).saturated == saturated
