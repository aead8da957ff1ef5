"""Measure during training how well D separates held-out data from samples, and training from held-out data."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import Partial
from jaxtyping import Float

from jaxgan.checks import check_count
from jaxgan.diagnostics.gradients import SATURATED, mean_loss
from jaxgan.metrics.ranks import superiority
from jaxgan.random import named_key
from jaxgan.runs.run import Probe, as_pytree
from jaxgan.types import Array, Game, Key, Sampler, State


class Discrimination(NamedTuple):
    """What the discriminator can distinguish, as probabilities that do not depend on the scale of its scores."""

    separation: Float[Array, "*runs"]  # P(D ranks a held-out example above a sample): 1/2 is chance
    training_edge: Float[Array, "*runs"]  # P(D ranks a training example above a held-out one): 1/2 without overfitting
    saturated: Float[Array, "*runs"]  # share of samples where the generator's loss is almost flat; NaN without a loss


def discrimination_probe(game: Game, train: Sampler, heldout: Sampler, *, batch_size: int = 250) -> Probe:
    """Return a probe that records `Discrimination` in `run`, `run_seeds` and `fit` without changing the run.

    The current discriminator scores training examples, held-out examples, and samples of the generator that it plays
    against (not its moving average). Only ranks count, so a critic (`hinge`, `wasserstein`) is measured like a
    classifier. With 250 examples, a probability of 1/2 has a standard deviation of 0.026.

    `saturated` is the share of samples with |dL_G/dlogit| < 0.01, for the generator's loss at these scores.

    Args:
      game: a game with `discriminate`.
      train: the data that the discriminator is trained on.
      heldout: data that it is not trained on; the same as `train` if that is unlimited.
      batch_size: the number of examples of each kind.

    Raises:
      ValueError: if the game has no `discriminate` or `batch_size` is below 1.

    Example:
      >>> import optax, jaxgan as jg
      >>> ring, networks = jg.data.ring(), (jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator())
      >>> game = jg.adversarial_game(*networks, jg.normal_prior(2), jg.non_saturating)
      >>> algorithm = jg.alternating(game, optax.adam(1e-3), optax.adam(1e-3), batch_size=16)
      >>> probe, keys = jg.discrimination_probe(game, ring.sample, ring.sample), jg.seed_keys(jax.random.key(0), 3)
      >>> found = jg.run_seeds(algorithm, ring.sample, keys, 4, probe=probe, probe_every=2).probes
      >>> found.separation.shape  # [seed, probe]
      (3, 2)
    """
    check_count("batch_size", batch_size)
    if game.discriminate is None:
        raise ValueError(f"expected a game with `discriminate`, got {game}")
    discriminate = game.discriminate

    def probe(train: Sampler, heldout: Sampler, key: Key, state: State) -> Discrimination:
        def scores(name: str, x: Array, y: object) -> Array:
            own = state.params.discriminator, state.model_state.discriminator
            return discriminate(named_key(key, name), *own, x, y)[0]

        seen, unseen = train(named_key(key, "train"), batch_size), heldout(named_key(key, "heldout"), batch_size)
        own = state.params.generator, state.model_state.generator
        x = game.sample(named_key(key, "fake"), *own, batch_size, unseen.y)
        real, fake = scores("unseen", unseen.x, unseen.y), scores("fakes", x, unseen.y)
        return Discrimination(
            separation=superiority(real, fake),
            training_edge=superiority(scores("seen", seen.x, seen.y), real),
            saturated=_saturated(game, real, fake),
        )

    return Partial(probe, as_pytree(train), as_pytree(heldout))


def _saturated(game: Game, real: Array, fake: Array) -> Array:
    if game.loss is None:
        return jnp.float32(jnp.nan)
    slope = jax.grad(mean_loss(game.loss), argnums=1)(real, fake) * fake.size
    return jnp.mean(jnp.abs(slope) < SATURATED)
