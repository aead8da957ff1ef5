"""Measure during training how well D separates held-out data from samples, and training from held-out data."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import Partial
from jaxtyping import Float

from jaxgan.checks import check_count
from jaxgan.diagnostics.gradients import SATURATED, mean_loss
from jaxgan.dynamics.moves import batch_sizes
from jaxgan.metrics.ranks import superiority
from jaxgan.networks import conditions
from jaxgan.random import named_key
from jaxgan.runs.run import Probe, as_pytree
from jaxgan.types import Array, Batch, BatchSizes, Game, Key, Loss, Sampler, State


class Discrimination(NamedTuple):
    """What the discriminator can distinguish, as probabilities that do not depend on the scale of its scores."""

    separation: Float[Array, "*runs"]  # P(D ranks a held-out example above a sample): 1/2 is chance
    training_edge: Float[Array, "*runs"]  # P(D ranks a training example above a held-out one): 1/2 without overfitting
    saturated: Float[Array, "*runs"]  # share of samples where the generator's loss is almost flat; NaN without a loss


class Scores(NamedTuple):
    """What `Discrimination` is computed from: the discriminator's ranking, and the scores that a loss depends on."""

    separation: Float[Array, "*runs"]
    training_edge: Float[Array, "*runs"]
    real: Float[Array, "*runs n"]  # of held-out examples
    fake: Float[Array, "*runs m"]  # of samples


def discrimination_probe(
    game: Game, train: Sampler, heldout: Sampler, *, batch_size: int | BatchSizes = 250, examples: int = 250
) -> Probe:
    """Return a probe that records `Discrimination` in `run`, `run_seeds` and `fit` without changing the run.

    The current discriminator scores training examples, held-out examples, and samples of the generator that it plays
    against (not its moving average). Only ranks count, so a critic (`hinge`, `wasserstein`) is measured like a
    classifier. With 250 examples, a probability of 1/2 has a standard deviation of 0.026.

    Examples are scored in batches of the size in training, because the score of an example can depend on the others of
    its batch: in packs, by minibatch statistics, or by batch normalization of one's own.

    `saturated` is the share of samples with |dL_G/dlogit| < 0.01, for the generator's loss at these scores.

    Args:
      game: a game with `discriminate`.
      train: the data that the discriminator is trained on.
      heldout: data that it is not trained on; the same as `train` if that is unlimited.
      batch_size: the number of examples that the discriminator scores together, as in training; of `BatchSizes`, `real`
        is that of training and held-out examples, and `fake` that of samples.
      examples: the least number of examples of each kind; they are as many batches as that takes.

    Raises:
      ValueError: if the game has no `discriminate`, or a count is below 1.

    Example:
      >>> import optax, jaxgan as jg
      >>> ring, networks = jg.data.ring(), (jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator())
      >>> game = jg.adversarial_game(*networks, jg.normal_prior(2), jg.non_saturating)
      >>> algorithm = jg.alternating(game, optax.adam(1e-3), optax.adam(1e-3), batch_size=16)
      >>> probe = jg.discrimination_probe(game, ring.sample, ring.sample, batch_size=16)
      >>> keys = jg.seed_keys(jax.random.key(0), 3)
      >>> found = jg.run_seeds(algorithm, ring.sample, keys, 4, probe=probe, probe_every=2).probes
      >>> found.separation.shape  # [seed, probe]
      (3, 2)
    """
    scored = score_probe(game, train, heldout, batch_size=batch_size, examples=examples)

    def probe(scored: Probe, key: Key, state: State) -> Discrimination:
        return discrimination_from(game.loss, scored(key, state))

    return Partial(probe, scored)


def score_probe(
    game: Game, train: Sampler, heldout: Sampler, *, batch_size: int | BatchSizes = 250, examples: int = 250
) -> Probe:
    """Return the part of `discrimination_probe` that is the same for all losses, so that one program serves them all.

    Args:
      game, train, heldout, batch_size, examples: as in `discrimination_probe`.

    Raises:
      ValueError: as in `discrimination_probe`.
    """
    check_count("examples", examples)
    sizes = batch_sizes(batch_size)
    if game.discriminate is None:
        raise ValueError(f"expected a game with `discriminate`, got {game}")
    n_real, n_fake = (-(-examples // size) * size for size in (sizes.real, sizes.fake))

    def probe(train: Sampler, heldout: Sampler, key: Key, state: State) -> Scores:
        seen, unseen = train(named_key(key, "train"), n_real), heldout(named_key(key, "heldout"), n_real)
        y = conditions(unseen.y, n_fake)
        own = state.params.generator, state.model_state.generator
        fakes = Batch(game.sample(named_key(key, "fake"), *own, n_fake, y), y)
        scores = partial(_scores, game, state)
        real = scores(named_key(key, "unseen"), unseen, sizes.real)
        fake = scores(named_key(key, "fakes"), fakes, sizes.fake)
        edge = superiority(scores(named_key(key, "seen"), seen, sizes.real), real)
        return Scores(superiority(real, fake), edge, real, fake)

    return Partial(probe, as_pytree(train), as_pytree(heldout))


def discrimination_from(loss: Loss | None, scores: Scores) -> Discrimination:
    """Return the `Discrimination` of one run with this loss from its scores."""
    return Discrimination(scores.separation, scores.training_edge, _saturated(loss, scores.real, scores.fake))


def _scores(game: Game, state: State, key: Key, examples: Batch, size: int) -> Float[Array, "*logits"]:
    """The discriminator's scores of examples, in batches of `size`."""
    own = state.params.discriminator, state.model_state.discriminator
    count = examples.x.shape[0] // size

    def scored(batch: tuple[Key, Batch]) -> Float[Array, "*logits"]:
        assert game.discriminate is not None
        return game.discriminate(batch[0], *own, *batch[1])[0]

    batches = jax.tree.map(lambda a: a.reshape(count, size, *a.shape[1:]), examples)
    scores = jax.lax.map(scored, (jax.random.split(key, count), batches))
    return scores.reshape(-1, *scores.shape[2:])


def _saturated(loss: Loss | None, real: Array, fake: Array) -> Array:
    if loss is None:
        return jnp.float32(jnp.nan)
    slope = jax.grad(mean_loss(loss), argnums=1)(real, fake) * fake.size
    return jnp.mean(jnp.abs(slope) < SATURATED)
