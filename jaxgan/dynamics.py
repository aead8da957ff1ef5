"""Update rules: a `Game` and optax transformations become an `Algorithm`."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgan.random import named_key
from jaxgan.types import (
    QUANTILES,
    Algorithm,
    Array,
    Batch,
    BatchSizes,
    Evaluation,
    Game,
    Generator,
    Info,
    Key,
    Players,
    PyTree,
    Sampler,
    Spread,
    State,
)


class Move(NamedTuple):
    """What one update of one player reports."""

    loss: Array
    evaluation: Evaluation
    grad_norm: Array
    update_norm: Array


def alternating(
    game: Game,
    g_tx: optax.GradientTransformation,
    d_tx: optax.GradientTransformation,
    *,
    batch_size: int | BatchSizes = 64,
    d_steps: int = 1,
) -> Algorithm:
    """Alternating descent: `d_steps` updates of the discriminator, then one of the generator.

    Each update draws its own batch and latents. `BatchSizes(real, fake, generator)` sets the examples apart:
    N_D,r real and N_D,f fake ones for the discriminator, N_G fake (and as many real) ones for the generator.

    Source: Goodfellow et al. 2014, algorithm 1.

    Raises:
      ValueError: `d_steps` or a batch size below 1.

    Example:
      >>> import jaxgan as jg
      >>> game = jg.adversarial_game(
      ...     jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(8), jg.non_saturating)
      >>> algorithm = jg.alternating(game, optax.adam(1e-4), optax.adam(4e-4), d_steps=2)
      >>> result = jg.run(algorithm, jg.data.ring().sample, jax.random.key(0), num_steps=3)
      >>> result.info.g_loss.shape
      (3,)
    """
    sizes = batch_size if isinstance(batch_size, BatchSizes) else BatchSizes(batch_size, batch_size, batch_size)
    if d_steps < 1:
        raise ValueError(f"d_steps must be at least 1, got {d_steps}")
    if min(sizes) < 1:
        raise ValueError(f"batch sizes must be at least 1, got {sizes}")

    def init(key: Key, sample: Sampler) -> State:
        batch = sample(named_key(key, "data"), min(sizes))
        params, model_state = game.init(named_key(key, "game"), batch)
        opt_state = Players(g_tx.init(params.generator), d_tx.init(params.discriminator))
        return State(params, model_state, opt_state, None, jnp.int32(0))

    def step(state: State, sample: Sampler, key: Key) -> tuple[State, Info]:
        def d_step(state: State, i: Array) -> tuple[State, Move]:
            k = jax.random.fold_in(named_key(key, "discriminator"), i)
            batch = sample(named_key(k, "data"), sizes.real)
            return update_player(game, "discriminator", d_tx, state, batch, sizes.fake, named_key(k, "game"))

        state, moves = jax.lax.scan(d_step, state, jnp.arange(d_steps))
        d_move = jax.tree.map(lambda a: a[-1], moves)
        k = named_key(key, "generator")
        batch = sample(named_key(k, "data"), sizes.generator)
        state, g_move = update_player(game, "generator", g_tx, state, batch, sizes.generator, named_key(k, "game"))
        return state._replace(step=state.step + 1), _info(g_move, d_move)

    return Algorithm(init, step, game)


def update_player(
    game: Game,
    player: str,
    tx: optax.GradientTransformation,
    state: State,
    batch: Batch,
    num_fake: int,
    key: Key,
) -> tuple[State, Move]:
    """One optimizer update of `player` ("generator" or "discriminator"); the other is a constant throughout.

    Only the player's own parameters, model state and optimizer state change.
    """

    def value(own: PyTree) -> tuple[Array, Evaluation]:
        point = state.params._replace(**{player: own})
        return getattr(game, player)(point, state.model_state, batch, num_fake, key, state.step)

    own = getattr(state.params, player)
    (loss, evaluation), grads = jax.value_and_grad(value, has_aux=True)(own)
    updates, opt_state = tx.update(grads, getattr(state.opt_state, player), own)
    state = state._replace(
        params=state.params._replace(**{player: optax.apply_updates(own, updates)}),
        model_state=state.model_state._replace(**{player: evaluation.model_state}),
        opt_state=state.opt_state._replace(**{player: opt_state}),
    )
    return state, Move(loss, evaluation, norm(grads), norm(updates))


def averaged(algorithm: Algorithm, decay: float) -> Algorithm:
    """`algorithm`, keeping an exponential moving average of the generator in `State.average`.

    average <- decay * average + (1 - decay) * generator after every step, for parameters and for model state:
    averaged weights need batch statistics of their own. It starts at the initial generator.

    Raises:
      ValueError: a decay outside [0, 1) (checked only when it is a Python number).
    """
    if isinstance(decay, int | float) and not 0 <= decay < 1:
        raise ValueError(f"decay must be in [0, 1), got {decay}")

    def init(key: Key, sample: Sampler) -> State:
        state = algorithm.init(key, sample)
        return state._replace(average=current_generator(state))

    def step(state: State, sample: Sampler, key: Key) -> tuple[State, Info]:
        state, info = algorithm.step(state, sample, key)
        average = optax.incremental_update(current_generator(state), state.average, 1 - decay)
        return state._replace(average=average), info

    return Algorithm(init, step, algorithm.game)


def current_generator(state: State) -> Generator:
    """The generator as trained, whether or not an average is kept."""
    return Generator(state.params.generator, state.model_state.generator)


def best_generator(state: State) -> Generator:
    """The generator to sample from: the average where one is kept."""
    return current_generator(state) if state.average is None else state.average


def norm(tree: Any) -> Array:
    """The Euclidean norm of a pytree without underflow or overflow: m |tree / m| with m the largest entry.

    The plain root of the sum of squares is 0 for float32 entries of 1e-30, just where a vanishing gradient has
    to be measured. NaN and infinite entries give NaN and infinity.

    Example:
      >>> round(float(norm({"w": jnp.full((4,), 1e-30)})) * 1e30, 3)
      2.0
    """
    leaves = [jnp.ravel(leaf) for leaf in jax.tree.leaves(tree) if leaf.size]
    if not leaves:  # a network without parameters
        return jnp.zeros(())
    largest = jnp.max(jnp.stack([jnp.max(jnp.abs(leaf)) for leaf in leaves]))
    scale = jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1.0)
    root = jnp.sqrt(sum(jnp.sum(jnp.square(leaf / scale)) for leaf in leaves))
    return jnp.where(jnp.isfinite(largest), scale * root, largest)


def _info(g: Move, d: Move) -> Info:
    real, fake = d.evaluation.real_logits, d.evaluation.fake_logits
    value = -jnp.mean(jax.nn.softplus(-real)) - jnp.mean(jax.nn.softplus(fake))
    return Info(
        g_loss=g.loss,
        d_loss=d.loss,
        d_parts=d.evaluation.parts,
        value=value,
        d_real=_spread(real),
        d_fake=_spread(fake),
        g_grad_norm=g.grad_norm,
        d_grad_norm=d.grad_norm,
        g_update_norm=g.update_norm,
        d_update_norm=d.update_norm,
    )


def _spread(logits: Array) -> Spread:
    probabilities = jax.nn.sigmoid(logits)
    return Spread(jnp.mean(probabilities), jnp.quantile(probabilities, jnp.asarray(QUANTILES)))
