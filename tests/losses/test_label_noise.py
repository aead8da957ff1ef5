"""Labels that are not 0 and 1, and labels that are flipped: what they do to logits and to a game."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.game import adversarial_game, normal_prior
from jaxgan.losses import flipped_labels, minimax, smoothed_labels
from jaxgan.nn import MLPDiscriminator, MLPGenerator
from jaxgan.types import Array, Batch, Evaluation, Game, Loss


def test_labels_are_probabilities() -> None:
    for target in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match=r"^real must be .* at most 1"):
            smoothed_labels(minimax, real=target)
        with pytest.raises(ValueError, match=r"^fake must be .* at most 1"):
            smoothed_labels(minimax, fake=target)
        with pytest.raises(ValueError, match=r"^rate must be .* at most 1"):
            flipped_labels(target)


@pytest.mark.parametrize("shape", [(10000,), (10000, 3)])
def test_flipping_swaps_whole_pairs_at_its_rate(shape: tuple[int, ...]) -> None:
    real = jnp.arange(1.0, np.prod(shape) + 1).reshape(shape)
    for rate in (0.0, 0.3, 1.0):
        new_real, new_fake = flipped_labels(rate)(jax.random.key(0), real, -real)
        np.testing.assert_array_equal(new_real, -new_fake)
        np.testing.assert_array_equal(jnp.abs(new_real), real)
        swapped = np.asarray(new_real < 0).reshape(len(real), -1)
        assert np.all(swapped == swapped[:, :1])  # all logits of one example
        assert abs(swapped[:, 0].mean() - rate) <= 4 * np.sqrt(rate * (1 - rate) / len(real))  # standard deviations


def test_flipped_labels_reach_the_discriminators_loss_alone() -> None:
    networks = MLPGenerator(2, hidden=(8,)), MLPDiscriminator(hidden=(8,))
    plain = adversarial_game(*networks, normal_prior(4), minimax)
    flipped = adversarial_game(*networks, normal_prior(4), minimax, logit_transform=flipped_labels(1.0))
    batch = Batch(jnp.linspace(-1, 1, 16).reshape(8, 2))
    params, model_state = plain.init(jax.random.key(0), batch)

    def evaluate(game: Game, player: str) -> tuple[Array, Evaluation]:
        return getattr(game, player)(jax.random.key(1), params, model_state, batch, 8, jnp.int32(0))

    for player in Loss._fields:
        (total, seen), (flipped_total, flipped_seen) = evaluate(plain, player), evaluate(flipped, player)
        np.testing.assert_array_equal(flipped_seen.real_logits, seen.real_logits)
        np.testing.assert_array_equal(flipped_seen.fake_logits, seen.fake_logits)
        swapped = sum(map(jnp.mean, minimax.discriminator(seen.fake_logits, seen.real_logits)))
        assert abs(swapped - total) > 1e-3
        # one sum in 32 bits
        np.testing.assert_allclose(flipped_total, total if player == "generator" else swapped, rtol=1e-6)
