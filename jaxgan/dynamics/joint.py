"""Rules that update both players at once, on one batch and the same latents: descent along a field, extragradient."""

from collections.abc import Callable
from functools import partial

import optax

from jaxgan.dynamics.fields import consensus_field, symplectic_field
from jaxgan.dynamics.moves import batch_sizes, first_state, move_player, moved, optimizer, two_player
from jaxgan.game import joint_gradient
from jaxgan.random import named_key
from jaxgan.types import Algorithm, Batch, BatchSizes, Field, Game, Key, Players, Sampler, State


def simultaneous(
    game: Game,
    g_tx: optax.GradientTransformation,
    d_tx: optax.GradientTransformation,
    *,
    batch_size: int | BatchSizes = 64,
    field: Callable[[Game], Field] = joint_gradient,
) -> Algorithm:
    """Simultaneous descent: both players compute their gradients at the same point and move together.

    w <- w - update of F(w), F = (dL_G/dG, dL_D/dD), or another `field` of the game. On the bilinear game with step size
    h, the norm of w grows by sqrt(1 + h^2) per step.
    Source: Mescheder et al. 2018, Which Training Methods for GANs do actually Converge?, section 2.

    Args:
      game: the game whose objectives are minimized.
      g_tx: the generator's optimizer.
      d_tx: the discriminator's optimizer.
      batch_size: examples in a batch; there must be as many real as fake ones.
      field: game -> the vector field to descend along.

    Raises:
      ValueError: a batch size is below 1, or the sizes differ.

    Example:
      >>> import jaxgan as jg
      >>> algorithm = simultaneous(jg.toy.dirac(jg.minimax), optax.sgd(0.1), optax.sgd(0.1), batch_size=1)
    """
    size, direction = _one_size(batch_size), field(game)
    txs = Players(optimizer("g_tx", g_tx), optimizer("d_tx", d_tx))

    def update(key: Key, state: State, sample: Sampler) -> tuple[State, Players]:
        found = _on_batch(named_key(key, "joint"), direction, state.params, state, sample, size)
        return _move_both(txs, state, *found)

    return two_player(game, partial(first_state, game, g_tx, d_tx, batch_sizes(size)), update)


def consensus(
    game: Game,
    g_tx: optax.GradientTransformation,
    d_tx: optax.GradientTransformation,
    *,
    gamma: float = 10.0,
    batch_size: int | BatchSizes = 64,
) -> Algorithm:
    """Consensus optimization: simultaneous descent along `consensus_field`, F + d/dw (gamma/2 |F|^2).

    Source: Mescheder et al. 2017, The Numerics of GANs, algorithm 2.

    Args:
      game: the game whose objectives are minimized.
      g_tx: the generator's optimizer.
      d_tx: the discriminator's optimizer.
      gamma: the coefficient of |F|^2 / 2.
      batch_size: examples in a batch; there must be as many real as fake ones.

    Raises:
      ValueError: gamma is negative or not finite, or the batch sizes are below 1 or differ.

    Example:
      >>> import jaxgan as jg
      >>> algorithm = consensus(jg.toy.dirac(jg.minimax), optax.sgd(0.1), optax.sgd(0.1), gamma=1.0, batch_size=1)
    """

    def field(game: Game) -> Field:
        return consensus_field(joint_gradient(game), gamma)

    return simultaneous(game, g_tx, d_tx, batch_size=batch_size, field=field)


def symplectic(
    game: Game,
    g_tx: optax.GradientTransformation,
    d_tx: optax.GradientTransformation,
    *,
    weight: float = 1.0,
    align: bool = False,
    batch_size: int | BatchSizes = 64,
) -> Algorithm:
    """Symplectic gradient adjustment: simultaneous descent along `symplectic_field`, F + weight A^T F.

    Source: Balduzzi et al. 2018, The Mechanics of n-Player Differentiable Games, algorithm 1.

    Args:
      game: the game whose objectives are minimized.
      g_tx: the generator's optimizer.
      d_tx: the discriminator's optimizer.
      weight: weight of the adjustment.
      align: whether to choose the sign of the weight at each point, as described in `symplectic_field`.
      batch_size: examples in a batch; there must be as many real as fake ones.

    Raises:
      ValueError: weight is negative or not finite, or the batch sizes are below 1 or differ.

    Example:
      >>> import jaxgan as jg
      >>> algorithm = symplectic(jg.toy.dirac(jg.minimax), optax.sgd(0.1), optax.sgd(0.1), batch_size=1)
    """

    def field(game: Game) -> Field:
        return symplectic_field(joint_gradient(game), weight, align=align)

    return simultaneous(game, g_tx, d_tx, batch_size=batch_size, field=field)


def optimistic(
    game: Game,
    g_tx: optax.GradientTransformation,
    d_tx: optax.GradientTransformation,
    *,
    batch_size: int | BatchSizes = 64,
) -> Algorithm:
    """Optimistic descent: simultaneous, with updates 2 u_t - u_(t-1), where u_t is the optimizer's own update.

    With `optax.sgd` this is optimistic gradient descent, with `optax.adam` the paper's optimistic Adam. The update goes
    further than the optimizer's own, so `clip_params` cannot bound the parameters under this rule.
    Source: Daskalakis et al. 2018, Training GANs with Optimism, equation 5 and algorithm 1.

    Raises:
      ValueError: a batch size is below 1, or the sizes differ.

    Example:
      >>> import jaxgan as jg
      >>> algorithm = optimistic(jg.toy.dirac(jg.minimax), optax.sgd(0.1), optax.sgd(0.1), batch_size=1)
    """
    g_tx, d_tx = optimizer("g_tx", g_tx), optimizer("d_tx", d_tx)
    ahead = optax.scale_by_optimistic_gradient()
    return simultaneous(game, optax.chain(g_tx, ahead), optax.chain(d_tx, ahead), batch_size=batch_size)


def extragradient(
    game: Game,
    g_tx: optax.GradientTransformation,
    d_tx: optax.GradientTransformation,
    *,
    batch_size: int | BatchSizes = 64,
    field: Callable[[Game], Field] = joint_gradient,
) -> Algorithm:
    """Extragradient: extrapolate by one update, then update the original point with the gradients found there.

    w' = w - update of F(w), then w <- w - update of F(w'), each on its own batch; F is the joint gradient, or another
    `field` of the game. The extrapolation uses the optimizer states without changing them (the paper's ExtraAdam also
    updates Adam's moments there). On the bilinear game with step size h, the norm of w shrinks by
    sqrt(1 - h^2 + h^4) per step.
    Source: Korpelevich 1976; Gidel et al. 2019, A Variational Inequality Perspective on GANs, algorithm 2.

    Args:
      game: the game whose objectives are minimized.
      g_tx: the generator's optimizer.
      d_tx: the discriminator's optimizer.
      batch_size: examples in a batch; there must be as many real as fake ones.
      field: game -> the vector field to descend along.

    Raises:
      ValueError: a batch size is below 1, or the sizes differ.

    Example:
      >>> import jaxgan as jg
      >>> algorithm = extragradient(jg.toy.dirac(jg.minimax), optax.sgd(0.1), optax.sgd(0.1), batch_size=1)
    """
    size, direction = _one_size(batch_size), field(game)
    txs = Players(optimizer("g_tx", g_tx), optimizer("d_tx", d_tx))

    def update(key: Key, state: State, sample: Sampler) -> tuple[State, Players]:
        def gradient(params: Players, name: str) -> tuple[Players, Players]:
            return _on_batch(named_key(key, name), direction, params, state, sample, size)

        grads, seen = gradient(state.params, "ahead")
        ahead = Players(
            *(
                moved(tx, g, opt_state, own, player.loss)[0]
                for tx, g, opt_state, own, player in zip(txs, grads, state.opt_state, state.params, seen, strict=True)
            )
        )
        grads, seen = gradient(ahead, "update")
        return _move_both(txs, state, grads, seen)

    return two_player(game, partial(first_state, game, g_tx, d_tx, batch_sizes(size)), update)


def _one_size(batch_size: int | BatchSizes) -> int:
    """The single batch size: both players see one batch and equally many fake examples.

    >>> _one_size(64)
    64
    """
    sizes = batch_sizes(batch_size)
    if len(set(sizes)) > 1:
        raise ValueError(f"players that move at once see one batch: its sizes must be equal, got {sizes}")
    return sizes.real


def _on_batch(
    key: Key, field: Field, params: Players, state: State, sample: Sampler, size: int
) -> tuple[Players, Players]:
    batch: Batch = sample(named_key(key, "data"), size)
    return field(named_key(key, "game"), params, state.model_state, batch, size, state.step)


def _move_both(txs: Players, state: State, grads: Players, seen: Players) -> tuple[State, Players]:
    state, g_move = move_player("generator", txs.generator, state, grads.generator, seen.generator)
    state, d_move = move_player("discriminator", txs.discriminator, state, grads.discriminator, seen.discriminator)
    return state._replace(step=state.step + 1), Players(g_move, d_move)
