"""A game with classes: whose conditions are whose, in what order, and what an auxiliary classifier adds."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.game import adversarial_game, auxiliary_classifier, class_prior
from jaxgan.losses import minimax, non_saturating
from jaxgan.nn import DCGANDiscriminator, DCGANGenerator, MLPDiscriminator, MLPGenerator
from jaxgan.terms import balanced_consistency, class_of_fake, class_of_real, latent_consistency, r2
from jaxgan.types import Array, Batch, Game, Key, View
from tests.views import values, view_of

KEY, STEP = jax.random.key(0), jnp.int32(0)
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 8, 8, 1)).astype(np.float32), np.array([0, 2, 1, 1, 0, 2], np.int32)
Z, Y_FAKE = RNG.normal(size=(6, 3)).astype(np.float32), np.array([2, 2, 0, 1, 0, 0], np.int32)
BATCH = Batch(jnp.asarray(X), jnp.asarray(Y))


def evaluated(game: Game, player: str, batch: Batch, order: Any = slice(None)) -> Any:
    """Loss, gradient and next model state of a player, parameters moved from where they start."""
    params, state = game.init(KEY, BATCH)
    params = jax.tree.map(lambda a: a + 0.1 * jax.random.normal(KEY, a.shape), params)

    def value(own: Any) -> tuple[Array, Any]:
        point = params._replace(**{player: own})
        loss, evaluation = getattr(game, player)(KEY, point, state, batch, 6, STEP)
        return loss, evaluation.model_state

    return jax.jit(jax.value_and_grad(value, has_aux=True))(getattr(params, player))


@pytest.mark.parametrize("player", ["generator", "discriminator"])
@pytest.mark.parametrize(
    ("of_generator", "of_discriminator"),
    [("embedding+batch_norm", "projection"), ("concatenation", "embedding"), ("product", "concatenation+classifier")],
)
def test_conditions_permuted_together_with_their_images_change_nothing(
    player: str, of_generator: str, of_discriminator: str
) -> None:
    networks = (
        DCGANGenerator(8, 1, 4, classes=3, condition=of_generator),
        DCGANDiscriminator(4, classes=3, condition=of_discriminator),
    )
    make = auxiliary_classifier(2.0) if "classifier" in of_discriminator else adversarial_game
    order = np.array([4, 0, 5, 1, 3, 2])
    game = make(*networks, lambda key, n: jnp.asarray(Z), non_saturating)
    moved = make(*networks, lambda key, n: jnp.asarray(Z[order]), non_saturating)
    batch, other = Batch(BATCH.x[order], BATCH.y[order]), Batch(BATCH.x, BATCH.y[order])
    expected = evaluated(game, player, BATCH)
    # Sums over the batch in another order, in 32 bits; below a normalization gradients are small differences.
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5), evaluated(moved, player, batch), expected
    )
    assert not np.allclose(evaluated(game, player, other)[0][0], expected[0][0], rtol=1e-3)  # labels alone do


def test_fakes_follow_the_batch_or_a_prior_of_their_own() -> None:
    views: list[View] = []

    def spy(view: View) -> Array:
        views.append(view)
        return jnp.zeros(())

    networks = MLPGenerator(2, (4,), classes=3), MLPDiscriminator((4,), classes=3)
    for prior in (None, lambda key, n: jnp.asarray(Y_FAKE[:n])):
        game = adversarial_game(
            *networks, lambda key, n: jnp.asarray(Z[:n]), minimax, d_terms=(spy,), condition_prior=prior
        )
        batch = Batch(BATCH.x[:, 0, :2, 0], BATCH.y)
        params, state = game.init(KEY, batch)
        _, evaluation = game.discriminator(KEY, params, state, batch, 4, STEP)
        view = views[-1]
        np.testing.assert_array_equal(view.y, Y)
        np.testing.assert_array_equal(view.y_fake, (Y if prior is None else Y_FAKE)[:4])
        # Each critic by its own conditions, and samples again from their latents.
        np.testing.assert_allclose(view.critic(view.real), evaluation.real_logits, rtol=1e-6)
        np.testing.assert_allclose(view.fake_critic(view.fake), evaluation.fake_logits, rtol=1e-6)
        np.testing.assert_allclose(view.generate(view.z), view.fake, rtol=1e-6)
        assert np.allclose(view.critic(view.fake), view.fake_critic(view.fake)) == (prior is None)


def test_terms_of_fakes_see_them_under_their_own_conditions() -> None:
    real, fake = np.ones((2, 2), np.float32), np.full((2, 2), 2, np.float32)
    view = view_of(lambda x: jnp.sum(x, axis=1), real, fake, fake_critic=lambda x: 3 * jnp.sum(x, axis=1))
    np.testing.assert_allclose(values(r2(2.0), view), [18.0, 18.0])  # |(3, 3)|^2
    shifted = balanced_consistency(lambda key, x: x + 1, 1.0, 1.0)
    np.testing.assert_allclose(values(shifted, view), 2**2 + 6**2)
    view = view._replace(generate=lambda z: z, z=view.fake)
    still = view._replace(fake_critic=lambda x: jnp.zeros(2))
    assert np.all(values(latent_consistency(), view) > 0) and np.all(values(latent_consistency(), still) == 0)


def test_a_class_prior_draws_by_its_shares() -> None:
    y = class_prior([1, 0, 3])(KEY, 4000)
    assert y.dtype == jnp.int32
    # five standard errors of a share of 0.25 among 4,000
    np.testing.assert_allclose(np.bincount(y, minlength=3) / 4000, [0.25, 0, 0.75], atol=5 * 0.0069)
    for bad in ([], [0, 0], [1, -1], [[1]], [np.nan]):
        with pytest.raises(ValueError, match="shares must be numbers of at least 0, not all 0"):
            class_prior(bad)  # type: ignore[arg-type]


def test_a_prior_of_other_conditions_than_the_batchs_is_refused() -> None:
    def draw(key: Key, n: int) -> Array:
        return jax.random.normal(key, (n, 2))

    networks = MLPGenerator(2, (4,)), MLPDiscriminator((4,))
    game = adversarial_game(*networks, draw, minimax, condition_prior=class_prior([1, 1]))
    batch = Batch(draw(KEY, 4))
    params, state = game.init(KEY, batch)
    with pytest.raises(ValueError, match=r"conditions like the batch's, y of None, got array \[4\]"):
        game.discriminator(KEY, params, state, batch, 4, STEP)


def test_the_class_terms_by_hand() -> None:
    logits = RNG.normal(size=(2, 4, 3)).astype(np.float32)
    real, fake = ({"logits": one[:, 0], "class_logits": jnp.asarray(one)} for one in logits)
    view = view_of()._replace(
        real_outputs=real, fake_outputs=fake, y=jnp.asarray(Y[:4]), y_fake=jnp.asarray(Y_FAKE[:4])
    )
    for term, one, y in ((class_of_real, logits[0], Y[:4]), (class_of_fake, logits[1], Y_FAKE[:4])):
        expected = np.log(np.exp(one).sum(axis=1)) - one[np.arange(4), y]
        np.testing.assert_allclose(values(term(0.5), view), 0.5 * expected, rtol=1e-5)
        with pytest.raises(ValueError, match=r"needs a discriminator that returns `class_logits` beside `logits`"):
            values(term(), view_of()._replace(y=view.y, y_fake=view.y))
        with pytest.raises(ValueError, match=r"needs batches with classes y, integers .*, got no condition y"):
            values(term(), view._replace(y=None, y_fake=None))


@pytest.mark.parametrize("of_fakes", [False, True])
def test_an_auxiliary_classifier_is_a_term_of_both_players(of_fakes: bool) -> None:
    networks = MLPGenerator(2, (4,), classes=3), MLPDiscriminator((4,), classes=3, condition="classifier")
    options: dict[str, Any] = {"d_terms": (class_of_real(2.0), class_of_fake(2.0))[: 1 + of_fakes]}
    by_hand = adversarial_game(
        *networks, lambda key, n: jnp.asarray(Z), minimax, g_terms=(class_of_fake(2.0),), **options
    )
    game = auxiliary_classifier(2.0, of_fakes=of_fakes)(*networks, lambda key, n: jnp.asarray(Z), minimax)
    batch = Batch(BATCH.x[:, 0, :2, 0], BATCH.y)
    params, state = game.init(KEY, batch)
    for player in ("generator", "discriminator"):
        found, expected = (getattr(g, player)(KEY, params, state, batch, 6, STEP) for g in (game, by_hand))
        jax.tree.map(np.testing.assert_array_equal, found, expected)
        assert found[0] > sum(found[1].parts) + 1  # of weight 2, where nothing is learned: about 2 log 3 for each
