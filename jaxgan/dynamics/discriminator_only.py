"""Training the discriminator alone, against a fixed generator."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Float

from jaxgan.checks import check_count
from jaxgan.dynamics.moves import Move, batch_sizes, first_state, optimizer, update_player
from jaxgan.losses.parts import accuracy_of, value_of
from jaxgan.random import named_key
from jaxgan.types import Algorithm, Array, BatchSizes, Game, Generator, Key, Sampler, State, Step


class DiscriminatorInfo(NamedTuple):
    """What a discriminator-only step reports about its last batch, before the update."""

    loss: Float[Array, "*runs"]
    accuracy: Float[Array, "*runs"]  # fraction of examples, half of them real, on the correct side of the threshold
    value: Float[Array, "*runs"]  # V(D, G) = E log D(x) + E log(1 - D(G(z))); (V + log 4) / 2 bounds the JSD from below
    real_logit: Float[Array, "*runs"]  # mean over the real examples
    fake_logit: Float[Array, "*runs"]


def discriminator_only(
    game: Game,
    d_tx: optax.GradientTransformation,
    *,
    batch_size: int | BatchSizes = 64,
    d_steps: int = 1,
    threshold: float | None = 0.0,
) -> Algorithm:
    """`d_steps` updates of the discriminator per step; the generator keeps its parameters and its model state.

    Accuracy counts real logits above `threshold` and fake logits below it; the default, 0, is where D = 1/2. With None,
    for critics whose scores have no natural threshold, it is midway between the mean scores of the batch.

    The generator is the one in the state; `with_generator` sets it. `Algorithm.step` reports a `DiscriminatorInfo`.
    Source: the protocol of Arjovsky and Bottou 2017, section 2.

    Args:
      game: the game whose objectives are minimized.
      d_tx: the discriminator's optimizer.
      batch_size: examples in a batch, or `BatchSizes(real, fake, generator)`.
      d_steps: updates per step.
      threshold: the logit above which an example counts as real; None: midway between the mean scores.

    Raises:
      ValueError: `d_steps` or a batch size is below 1.

    Example:
      >>> import jaxgan as jg
      >>> game = jg.adversarial_game(
      ...     jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(8), jg.non_saturating)
      >>> algorithm = discriminator_only(game, optax.adam(1e-3), batch_size=8)
      >>> jg.run(algorithm, jg.data.ring().sample, jax.random.key(0), num_steps=3).info.accuracy.shape
      (3,)
    """
    sizes = batch_sizes(batch_size)
    d_tx = optimizer("d_tx", d_tx)
    check_count("d_steps", d_steps)

    def update(key: Key, state: State, sample: Sampler) -> tuple[State, Move]:
        def move(state: State, i: Step) -> tuple[State, Move]:
            k = jax.random.fold_in(key, i)
            batch = sample(named_key(k, "data"), sizes.real)
            return update_player(named_key(k, "game"), game, "discriminator", d_tx, state, batch, sizes.fake)

        state = jax.lax.fori_loop(0, d_steps - 1, lambda i, state: move(state, i)[0], state)
        state, last = move(state, jnp.int32(d_steps - 1))
        return state._replace(step=state.step + 1), last

    init = partial(first_state, game, optax.set_to_zero(), d_tx, sizes)
    return Algorithm(init, update, game, partial(_info, threshold), lambda move: {"loss": move.loss})


def with_generator(state: State, generator: Generator) -> State:
    """`state` with that generator; if both have a seed axis, each seed gets its own generator."""
    # Model state that is not the network's own, the states of terms, does not change.
    own = {**state.model_state.generator, **generator.model_state}
    return state._replace(
        params=state.params._replace(generator=generator.params),
        model_state=state.model_state._replace(generator=own),
    )


def _info(threshold: float | None, move: Move) -> DiscriminatorInfo:
    real, fake = move.evaluation.real_logits, move.evaluation.fake_logits
    return DiscriminatorInfo(
        loss=move.loss,
        accuracy=accuracy_of(real, fake, threshold),
        value=value_of(real, fake),
        real_logit=jnp.mean(real),
        fake_logit=jnp.mean(fake),
    )
