"""One update of one player, and its report: the building block of every update rule."""

import re
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Bool, Float

from jaxgan.checks import check_count
from jaxgan.losses.parts import value_of
from jaxgan.networks import network_state
from jaxgan.random import fold_into_keys, named_key
from jaxgan.trees import like, norm
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
    PlayerGradient,
    Players,
    PyTree,
    Sampler,
    Scalar,
    Spread,
    State,
)


class Move(NamedTuple):
    """What one update of one player reports: values that are computed anyway; `info_of` derives the rest."""

    loss: Scalar
    evaluation: Evaluation  # without its model state, which is already in the `State`
    gradient: PyTree  # of the player's own objective, whatever direction the rule then takes
    updates: PyTree  # what the optimizer made of the direction

    @property
    def grad_norm(self) -> Scalar:
        """|gradient|"""
        return norm(self.gradient)

    @property
    def update_norm(self) -> Scalar:
        """|updates|"""
        return norm(self.updates)


class Gated(NamedTuple):
    """A player's optimizer state under a rule that may hold its updates back: updated only where `free` is true."""

    inner: PyTree
    free: Bool[Array, "*runs"]


def batch_sizes(batch_size: int | BatchSizes) -> BatchSizes:
    """The three batch sizes of a step; a single number stands for all three.

    Raises:
      ValueError: a size is below 1.

    Example:
      >>> batch_sizes(64)
      BatchSizes(real=64, fake=64, generator=64)
    """
    sizes = batch_size if isinstance(batch_size, BatchSizes) else BatchSizes(batch_size, batch_size, batch_size)
    for name, size in sizes._asdict().items():
        check_count(f"batch size ({name})", size)
    return sizes


def optimizer(name: str, tx: Any) -> optax.GradientTransformationExtraArgs:
    """`tx`, extended to accept the loss as `value`, which some transformations such as `reduce_on_plateau` use.

    Raises:
      TypeError: `tx` is not a gradient transformation; when traced, it needs more than gradients and that value, such
        as `optax.lbfgs`, whose line search evaluates the loss at other points.

    Example:
      >>> optimizer("d_tx", optax.adam)
      Traceback (most recent call last):
      TypeError: d_tx must be an optax optimizer, such as optax.adam(1e-3), got the function adam: call it
    """
    if hasattr(tx, "init") and hasattr(tx, "update"):
        extended = optax.with_extra_args_support(tx)
        return optax.GradientTransformationExtraArgs(extended.init, partial(_update, name, extended))
    got = f"the function {getattr(tx, '__name__', tx)}: call it" if callable(tx) else repr(tx)
    raise TypeError(f"{name} must be an optax optimizer, such as optax.adam(1e-3), got {got}")


def _update(
    name: str, tx: optax.GradientTransformationExtraArgs, updates: PyTree, state: PyTree, params: PyTree, **extra: Any
) -> tuple[PyTree, PyTree]:
    try:
        return tx.update(updates, state, params, **extra)
    except TypeError as error:
        _, found, missing = str(error).partition("required keyword-only argument")
        if not found:
            raise
        needs = " and ".join(re.findall(r"'(\w+)'", missing))
        raise TypeError(
            f"{name} must be an optimizer that goes by gradients and the value of the loss, got one that needs {needs} "
            "(as a line search does)"
        ) from error


def first_state(
    game: Game,
    g_tx: optax.GradientTransformation,
    d_tx: optax.GradientTransformation,
    sizes: BatchSizes,
    key: Key,
    sample: Sampler,
) -> State:
    """The initial state of both players. Typed random keys in an optimizer's state are made specific to the run.

    Warns:
      UserWarning: an optimizer holds a raw random key, which cannot be told from other numbers and is left unchanged.
    """
    batch = sample(named_key(key, "data"), min(sizes))
    params, model_state = game.init(named_key(key, "game"), batch)
    opt_state = Players(g_tx.init(params.generator), d_tx.init(params.discriminator))
    for name, own in zip(("g_tx", "d_tx"), opt_state, strict=True):
        if any(map(_is_raw_key, jax.tree.leaves(own))):
            warnings.warn(
                f"{name} draws by a raw random key, the same one in every run: expected a typed one, such as "
                "jax.random.key(0), of which each run gets its own",
                stacklevel=2,
            )
    opt_state = fold_into_keys(named_key(key, "optimizers"), opt_state)
    return State(params, model_state, opt_state, None, jnp.int32(0))


def _is_raw_key(leaf: Any) -> bool:
    """Whether this is what `jax.random.PRNGKey` makes; optimizers keep no other uint32 arrays of these shapes."""
    return getattr(leaf, "dtype", None) == jnp.uint32 and leaf.shape in ((2,), (4,))  # threefry, rbg


def update_player(
    key: Key,
    game: Game,
    player: str,
    tx: optax.GradientTransformation,
    state: State,
    batch: Batch,
    num_fake: int,
) -> tuple[State, Move]:
    """One optimizer update of `player` ("generator" or "discriminator"); the other player is held constant.

    Only the player's own parameters, model state and optimizer state change.
    """

    def value(own: PyTree) -> tuple[Scalar, Evaluation]:
        point = state.params._replace(**{player: own})
        return getattr(game, player)(key, point, state.model_state, batch, num_fake, state.step)

    (loss, evaluation), gradient = jax.value_and_grad(value, has_aux=True)(getattr(state.params, player))
    return move_player(player, tx, state, gradient, PlayerGradient(loss, evaluation, gradient))


def move_player(
    player: str, tx: optax.GradientTransformation, state: State, direction: PyTree, seen: PlayerGradient
) -> tuple[State, Move]:
    """The state after `player`'s optimizer has moved it along minus `direction`, with the new model state of `seen`.

    If its optimizer state is `Gated` and not free, its parameters, model state and optimizer state do not change.
    """
    own, before = getattr(state.params, player), getattr(state.opt_state, player)
    params, opt_state, updates = moved(tx, direction, before, own, seen.loss)
    model_state = if_free(before, seen.evaluation.model_state, getattr(state.model_state, player))
    state = state._replace(
        params=state.params._replace(**{player: params}),
        model_state=state.model_state._replace(**{player: model_state}),
        opt_state=state.opt_state._replace(**{player: opt_state}),
    )
    return state, Move(seen.loss, seen.evaluation._replace(model_state=()), seen.gradient, updates)


def moved(
    tx: optax.GradientTransformation, direction: PyTree, opt_state: PyTree, params: PyTree, loss: Scalar
) -> tuple[PyTree, PyTree, PyTree]:
    """Parameters and optimizer state after an update of `tx` along minus `direction`, and the update itself.

    If the optimizer state is `Gated` and not free, both are unchanged, and the update is 0.
    """
    if isinstance(opt_state, Gated):
        *after, updates = moved(tx, direction, opt_state.inner, params, loss)
        # Selects between parameters rather than updates, so that the sums are those of the unwrapped rule.
        nothing = params, opt_state.inner, jax.tree.map(jnp.zeros_like, updates)
        params, inner, updates = if_free(opt_state, (*after, updates), nothing)
        return params, opt_state._replace(inner=inner), updates
    updates, after = optax.with_extra_args_support(tx).update(direction, opt_state, params, value=loss)
    # A swept number has a type of its own, wider than that of 16-bit parameters or of any where JAX counts in 64 bits.
    return optax.apply_updates(params, updates), like(opt_state, after), updates


def if_free(opt_state: PyTree, new: PyTree, old: PyTree) -> PyTree:
    """`new`, or `old` where the optimizer state is `Gated` and not free."""
    if not isinstance(opt_state, Gated):
        return new
    return jax.tree.map(lambda a, b: jnp.where(opt_state.free, a, b), new, old)


def current_generator(state: State) -> Generator:
    """The generator as trained, whether or not an average is kept: its parameters and its model state.

    Example:
      >>> import optax, jaxgan as jg
      >>> game = jg.adversarial_game(
      ...     jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(2), jg.non_saturating)
      >>> algorithm = jg.alternating(game, optax.adam(1e-3), optax.adam(1e-3), batch_size=8)
      >>> state = algorithm.init(jax.random.key(0), jg.data.ring().sample)
      >>> game.sample(jax.random.key(1), *current_generator(state), 5).shape  # z -> examples
      (5, 2)
    """
    return Generator(state.params.generator, network_state(state.model_state.generator))


def best_generator(state: State) -> Generator:
    """The generator to sample from: the average if one is kept, as by `averaged`, else `current_generator`.

    Example:
      >>> def probe(key, algorithm, state):  # samples, recorded along training
      ...     return algorithm.game.sample(key, *best_generator(state), 1000)
    """
    return current_generator(state) if state.average is None else state.average


def two_player(
    game: Game,
    init: Callable[[Key, Sampler], State],
    update: Callable[[Key, State, Sampler], tuple[State, Players]],
) -> Algorithm:
    """The algorithm of an `update` that reports the last `Move` of each player."""
    return Algorithm(init, update, game, info_of, losses_of)


def losses_of(moves: Players) -> dict[str, Scalar]:
    """The losses that are monitored at every step."""
    return {"g_loss": moves.generator.loss, "d_loss": moves.discriminator.loss}


def info_of(moves: Players) -> Info:
    """The `Info` of a step, from the last `Move` of each player."""
    g, d = moves
    real, fake = d.evaluation.real_logits, d.evaluation.fake_logits
    return Info(
        g_loss=g.loss,
        d_loss=d.loss,
        d_parts=d.evaluation.parts,
        value=value_of(real, fake),
        d_real=_spread(real),
        d_fake=_spread(fake),
        real_logit=jnp.mean(real),
        fake_logit=jnp.mean(fake),
        g_grad_norm=g.grad_norm,
        d_grad_norm=d.grad_norm,
        g_update_norm=g.update_norm,
        d_update_norm=d.update_norm,
    )


def _spread(logits: Float[Array, "*logits"]) -> Spread:
    probabilities = jax.nn.sigmoid(logits)
    return Spread(jnp.mean(probabilities), jnp.quantile(probabilities, jnp.asarray(QUANTILES)))
