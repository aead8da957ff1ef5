"""Objectives against hand computations, on networks of a few parameters."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from jaxgan import terms
from jaxgan.augment import instance_noise
from jaxgan.dynamics import alternating
from jaxgan.game import adversarial_game, extended_game, gradient_field, normal_prior
from jaxgan.losses import minimax, non_saturating
from jaxgan.nn.mlp import MLPDiscriminator, MLPGenerator
from jaxgan.types import Array, Batch, Evaluation, Game, Key, Loss, Players, Term, View

KEY = jax.random.key(0)
STEP = jnp.int32(0)
THETA, W = np.array([0.5, -1.0], np.float32), np.array([2.0, 1.0], np.float32)
REAL = np.array([[1, 0], [0, 2], [-1, 1]], np.float32)
BATCH = Batch(jnp.asarray(REAL))
PARAMS = Players({"theta": jnp.asarray(THETA)}, {"w": jnp.asarray(W)})
STATELESS: Players = Players({}, {})


class Shift(nn.Module):
    """x = z + theta."""

    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> Array:
        return z + self.param("theta", nn.initializers.zeros, z.shape[1:]).reshape(1, -1)


class Linear(nn.Module):
    """logit = <w, x>."""

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        return x @ self.param("w", nn.initializers.zeros, x.shape[1:])


class ShiftByClass(nn.Module):
    """x = z + y."""

    @nn.compact
    def __call__(self, z: Array, y: Array, *, train: bool) -> Array:
        return z + y.reshape(-1, 1)


class LinearByClass(nn.Module):
    """logit = y sum(x)."""

    @nn.compact
    def __call__(self, x: Array, y: Array, *, train: bool) -> Array:
        return y * jnp.sum(x, axis=-1)


class Normed(nn.Module):
    """BatchNorm and then a weighted sum."""

    features: int

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9)(x)
        y = nn.Dense(self.features)(x)
        return y if self.features > 1 else y.reshape(-1)


def count(key: Key, n: int) -> Array:
    """Latents that need no generator: 0, 1, 2, ..."""
    return jnp.arange(2.0 * n).reshape(n, 2) / 10


def softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(x.astype(np.float64), 0)


def shifted(loss: Loss, d_terms: tuple[Term, ...] = (), g_terms: tuple[Term, ...] = ()) -> Game:
    return adversarial_game(Shift(), Linear(), count, loss, d_terms=d_terms, g_terms=g_terms)


@pytest.mark.parametrize("num_fake", [1, 3, 5])
def test_objectives_by_hand_with_any_number_of_fakes(num_fake: int) -> None:
    fake = np.asarray(count(KEY, num_fake)) + THETA
    real_part, fake_part = softplus(-REAL @ W).mean(), softplus(fake @ W).mean()
    for loss, g_expected in ((minimax, -fake_part), (non_saturating, softplus(-fake @ W).mean())):
        game = shifted(loss)
        total, evaluation = game.discriminator(KEY, PARAMS, STATELESS, BATCH, num_fake, STEP)
        # a mean of a few 32-bit numbers
        np.testing.assert_allclose(evaluation.parts, [real_part, fake_part], rtol=1e-6)
        np.testing.assert_allclose(total, sum(evaluation.parts), rtol=1e-6)
        np.testing.assert_allclose(evaluation.real_logits, REAL @ W, rtol=1e-6)
        np.testing.assert_allclose(evaluation.fake_logits, fake @ W, rtol=1e-6)
        total, evaluation = game.generator(KEY, PARAMS, STATELESS, BATCH, num_fake, STEP)
        np.testing.assert_allclose([total, *evaluation.parts], [g_expected, g_expected], rtol=1e-6)


def paired(real: Array, fake: Array) -> Array:
    return jax.nn.softplus(fake - real)


def relativistic_average(real: Array, fake: Array) -> tuple[Array, Array]:
    return jax.nn.softplus(jnp.mean(fake) - real), jax.nn.softplus(fake - jnp.mean(real))


@pytest.mark.parametrize(("num_real", "num_fake"), [(3, 2), (1, 3), (3, 1)])
def test_a_paired_loss_refuses_unequal_batches(num_real: int, num_fake: int) -> None:
    game = shifted(Loss(paired, paired))
    for objective in (game.discriminator, game.generator):
        with pytest.raises(ValueError, match=rf"real logits of shape \({num_real},\) .* \({num_fake},\)"):
            objective(KEY, PARAMS, STATELESS, Batch(BATCH.x[:num_real]), num_fake, STEP)


def test_a_game_is_shown_in_a_line() -> None:
    """Its fields are closures over both networks, 4,000 characters of them."""
    game = adversarial_game(MLPGenerator(2), MLPDiscriminator(), normal_prior(2), minimax)
    assert repr(alternating(game, optax.sgd(1.0), optax.sgd(1.0))) == "Algorithm(Game(<Loss minimax>))"


def test_a_paired_loss_takes_equal_batches_and_one_of_means_takes_any() -> None:
    fake = np.asarray(count(KEY, 3)) + THETA
    game = shifted(Loss(paired, relativistic_average))
    total, _ = game.discriminator(KEY, PARAMS, STATELESS, BATCH, 3, STEP)
    np.testing.assert_allclose(total, softplus(fake @ W - REAL @ W).mean(), rtol=1e-6)
    total, _ = game.generator(KEY, PARAMS, STATELESS, Batch(BATCH.x[:1]), 3, STEP)
    expected = softplus((fake @ W).mean() - REAL[:1] @ W).mean() + softplus(fake @ W - REAL[0] @ W).mean()
    np.testing.assert_allclose(total, expected, rtol=1e-6)


def r1(gamma: float) -> Term:
    def term(view: View) -> Array:
        gradient = jax.grad(lambda x: jnp.sum(view.critic(x)))(view.real)
        return gamma / 2 * jnp.sum(gradient**2, axis=-1)

    return term


def test_a_users_penalty_is_averaged_and_added() -> None:
    game = shifted(minimax, d_terms=(r1(3.0), lambda view: jnp.sum(view.params["w"]).reshape(1)))
    total, evaluation = game.discriminator(KEY, PARAMS, STATELESS, BATCH, 4, STEP)
    np.testing.assert_allclose(total - sum(evaluation.parts), 3 / 2 * W @ W + W.sum(), rtol=1e-6)
    total, evaluation = game.generator(KEY, PARAMS, STATELESS, BATCH, 4, STEP)
    assert total == sum(evaluation.parts)  # the terms are the discriminator's


@pytest.mark.parametrize("terms", [r1(1.0), (r1(1.0), 3.0), (None,)])
def test_what_is_no_sequence_of_terms_is_refused(terms: Any) -> None:
    for player in ("d_terms", "g_terms"):
        with pytest.raises(ValueError, match=f"{player} must be a sequence of terms"):
            adversarial_game(Shift(), Linear(), count, minimax, **{player: terms})


def spy(views: list[View]) -> Term:
    """A term of 0 that keeps what it saw."""

    def term(view: View) -> Array:
        views.append(view)
        return jnp.zeros(1)

    return term


def test_a_term_sees_the_evaluation() -> None:
    views: list[View] = []
    shifted(minimax, g_terms=(spy(views),)).generator(KEY, PARAMS, STATELESS, BATCH, 2, jnp.int32(7))
    (view,) = views
    assert (view.params, view.y, int(view.step)) == (PARAMS.generator, None, 7)
    np.testing.assert_array_equal(view.real, REAL)
    np.testing.assert_array_equal(view.fake, view.generate(view.z))
    np.testing.assert_allclose(view.critic(view.fake), view.fake @ W, rtol=1e-6)


def test_terms_get_keys_of_their_own_which_others_do_not_change() -> None:
    views: list[View] = []
    for more in ((spy(views),), (spy(views), spy(views))):
        shifted(minimax, d_terms=more).discriminator(KEY, PARAMS, STATELESS, BATCH, 2, STEP)
    alone, first, second = (jax.random.key_data(view.key) for view in views)
    np.testing.assert_array_equal(alone, first)
    assert not np.array_equal(first, second)


def test_random_numbers_of_two_evaluations_differ() -> None:
    game = adversarial_game(Shift(), Linear(), lambda key, n: jax.random.normal(key, (n, 2)), minimax)
    one, other = (game.discriminator(key, PARAMS, STATELESS, BATCH, 2, STEP)[0] for key in jax.random.split(KEY))
    assert one != other


@pytest.mark.parametrize("num_fake", [2, 3, 7])
def test_the_condition_reaches_both_networks_and_cycles(num_fake: int) -> None:
    y = np.array([1, 2, 3], np.float32)
    y_fake = np.resize(y, num_fake)
    views: list[View] = []
    game = adversarial_game(ShiftByClass(), LinearByClass(), count, minimax, d_terms=(spy(views),))
    batch = BATCH._replace(y=jnp.asarray(y))
    params, state = game.init(KEY, batch)
    _, evaluation = game.discriminator(KEY, params, state, batch, num_fake, STEP)
    fake = np.asarray(count(KEY, num_fake)) + y_fake[:, None]
    np.testing.assert_allclose(evaluation.real_logits, y * REAL.sum(axis=1), rtol=1e-6)
    np.testing.assert_allclose(evaluation.fake_logits, y_fake * fake.sum(axis=1), rtol=1e-6)
    (view,) = views
    np.testing.assert_allclose(view.critic(view.real), evaluation.real_logits, rtol=1e-6)
    np.testing.assert_allclose(view.critic(view.generate(view.z)), evaluation.fake_logits, rtol=1e-6)
    x = game.sample(KEY, params.generator, state.generator, num_fake, y_fake)
    np.testing.assert_allclose(x, fake, rtol=1e-6)


@pytest.mark.parametrize("loss", [minimax, non_saturating])
@pytest.mark.parametrize(
    ("gamma", "eigenvalues"),
    [(0.0, [0.5j, -0.5j]), (0.3, [-0.15 + 0.476970j, -0.15 - 0.476970j]), (2.0, [-0.133975, -1.866025])],
)
def test_the_spectrum_of_the_dirac_gan(loss: Loss, gamma: float, eigenvalues: list[complex]) -> None:
    """Mescheder et al. 2018: data and generator are points, D is linear; v = -field at the equilibrium.

    Its eigenvalues are -gamma/2 +- sqrt(gamma^2/4 - 1/4), imaginary without the penalty.
    """
    game = adversarial_game(Shift(), Linear(), lambda key, n: jnp.zeros((n, 1)), loss, d_terms=(r1(gamma),))
    batch = Batch(jnp.zeros((4, 1)))
    params, state = game.init(KEY, batch)
    point, unravel = ravel_pytree(params)
    field = gradient_field(game)
    jacobian = jax.jacfwd(lambda flat: -ravel_pytree(field(KEY, unravel(flat), state, batch, 4))[0])(point)
    assert point.shape == (2,)
    # 32-bit entries, of order 1, of a matrix with distinct eigenvalues
    np.testing.assert_allclose(
        np.sort_complex(np.linalg.eigvals(jacobian)), np.sort_complex(np.array(eigenvalues)), atol=2e-6
    )


def normed() -> tuple[Game, Players, Players]:
    game = adversarial_game(Normed(2), Normed(1), count, minimax)
    return game, *game.init(KEY, BATCH)


def passed(features: int, params: Any, state: Any, x: Array) -> tuple[Array, Any]:
    """Flax's own word on one pass in training."""
    return Normed(features).apply({"params": params, **state}, x, train=True, mutable=["batch_stats"])


def test_the_discriminators_statistics_move_by_a_real_and_then_a_fake_pass() -> None:
    game, params, state = normed()
    _, evaluation = game.discriminator(KEY, params, state, BATCH, 4, STEP)
    fake, _ = passed(2, params.generator, state.generator, count(KEY, 4))
    real_logits, after_real = passed(1, params.discriminator, state.discriminator, jnp.asarray(REAL))
    fake_logits, after_both = passed(1, params.discriminator, after_real, fake)
    np.testing.assert_array_equal(evaluation.real_logits, real_logits)
    np.testing.assert_array_equal(evaluation.fake_logits, fake_logits)
    jax.tree.map(np.testing.assert_array_equal, evaluation.model_state, after_both)


def test_real_logits_do_not_depend_on_the_fakes() -> None:
    game, params, state = normed()
    other = params._replace(generator=jax.tree.map(lambda a: a + 1, params.generator))

    def evaluate(params: Players) -> Evaluation:
        return game.discriminator(KEY, params, state, BATCH, 4, STEP)[1]

    np.testing.assert_array_equal(evaluate(params).real_logits, evaluate(other).real_logits)
    assert np.all(evaluate(params).fake_logits != evaluate(other).fake_logits)


def test_the_generators_objective_returns_the_generators_state() -> None:
    game, params, state = normed()
    _, evaluation = game.generator(KEY, params, state, BATCH, 4, STEP)
    _, expected = passed(2, params.generator, state.generator, count(KEY, 4))
    jax.tree.map(np.testing.assert_array_equal, evaluation.model_state, expected)


def test_a_sample_does_not_depend_on_the_others_of_its_batch() -> None:
    game, params, state = normed()
    _, evaluation = game.generator(KEY, params, state, BATCH, 4, STEP)  # statistics that are not 0 and 1
    one, many = (game.sample(KEY, params.generator, evaluation.model_state, n) for n in (1, 5))
    np.testing.assert_allclose(one[0], many[0], rtol=1e-5)  # products of other shapes may round differently
    assert np.any(np.abs(one - passed(2, params.generator, state.generator, count(KEY, 1))[0]) > 0.01)


def test_an_extended_game_has_its_own_terms_and_those_it_is_called_with() -> None:
    players, prior = (Shift(), Linear()), normal_prior(2)
    noise = instance_noise(0.3)
    made = extended_game(d_terms=[terms.r2(2.0)], augment=noise)(*players, prior, minimax, d_terms=[terms.r1(3.0)])
    both = adversarial_game(*players, prior, minimax, d_terms=[terms.r1(3.0), terms.r2(2.0)], augment=noise)
    values = [game.discriminator(KEY, PARAMS, STATELESS, BATCH, 3, STEP)[0] for game in (made, both)]
    assert values[0] == values[1]
    # D is linear: gamma/2 |w|^2 at every example, of R1 and R2 alike
    without = adversarial_game(*players, prior, minimax, augment=noise)
    plain = without.discriminator(KEY, PARAMS, STATELESS, BATCH, 3, STEP)[0]
    np.testing.assert_allclose(values[0] - plain, 2.5 * W @ W, rtol=1e-6)
    with pytest.raises(ValueError, match="has an augmentation already"):
        extended_game(augment=noise)(*players, prior, minimax, augment=noise)
