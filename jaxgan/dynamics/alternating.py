"""Rules that update one player after the other: alternating descent, with any number of updates, and unrolled."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Num

from jaxgan.checks import check_count
from jaxgan.dynamics.moves import Move, batch_sizes, first_state, moved, optimizer, two_player, update_player
from jaxgan.random import named_key
from jaxgan.types import (
    Algorithm,
    Array,
    Batch,
    BatchSizes,
    Evaluation,
    Game,
    Key,
    Players,
    PyTree,
    Sampler,
    Scalar,
    State,
    Step,
)

Count = int | Callable[[Step], Num[Array, ""]]
"""A number of updates, or a schedule of it: a function of the step that returns integers of at least 1."""


def alternating(
    game: Game,
    g_tx: optax.GradientTransformation,
    d_tx: optax.GradientTransformation,
    *,
    batch_size: int | BatchSizes = 64,
    d_steps: Count = 1,
    g_steps: int = 1,
    generator_first: bool = False,
) -> Algorithm:
    """Alternating descent: `d_steps` updates of the discriminator, then `g_steps` of the generator.

    `d_steps` may be a schedule of the step (`critic_warm_up` is WGAN's), and `generator_first` reverses the order.
    Each update draws its own batch and latents. `BatchSizes(real, fake, generator)` sets the batch sizes separately:
    N_D,r real and N_D,f fake examples for the discriminator, N_G fake (and as many real) examples for the generator.

    In this and every other rule, an optimizer that draws random numbers (`optax.noisy_sgd(1e-3, key=0)`) gets
    independent noise for each run and each player: the run's key is folded into the optimizer's typed key. A raw key
    (`jax.random.PRNGKey(0)`) in an optimizer's state is left unchanged, so all runs share its noise.

    Source: Goodfellow et al. 2014, algorithm 1.

    Args:
      game: the game whose objectives are minimized.
      g_tx: the generator's optimizer.
      d_tx: the discriminator's optimizer.
      batch_size: examples in a batch, or `BatchSizes(real, fake, generator)`.
      d_steps: discriminator updates per step, or a schedule of this number.
      g_steps: generator updates per step.
      generator_first: whether the generator is updated before the discriminator.

    Raises:
      ValueError: `d_steps`, `g_steps` or a batch size is below 1.

    Example:
      >>> import jaxgan as jg
      >>> game = jg.adversarial_game(
      ...     jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator(), jg.normal_prior(8), jg.non_saturating)
      >>> algorithm = jg.alternating(game, optax.adam(1e-4), optax.adam(4e-4), d_steps=2)
      >>> result = jg.run(algorithm, jg.data.ring().sample, jax.random.key(0), num_steps=3)
      >>> result.info.g_loss.shape
      (3,)
    """
    return _alternating(game, lambda state: game, g_tx, d_tx, batch_size, d_steps, g_steps, generator_first)


_ADAM = partial(optax.adam, b1=0.0, b2=0.9)


def two_time_scales(
    game: Game,
    optimizer: Callable[[float], optax.GradientTransformation] = _ADAM,
    *,
    lr_g: float = 1e-4,
    lr_d: float = 4e-4,
    batch_size: int | BatchSizes = 64,
) -> Algorithm:
    """Alternating descent, one update each, with the same optimizer but a separate learning rate per player (TTUR).

    Source: Heusel et al. 2017, GANs Trained by a Two Time-Scale Update Rule; learning rates of Zhang et al. 2019.

    Args:
      game: the game whose objectives are minimized.
      optimizer: learning rate -> optimizer.
      lr_g: the generator's learning rate.
      lr_d: the discriminator's learning rate.
      batch_size: examples in a batch, or `BatchSizes(real, fake, generator)`.

    Raises:
      ValueError: a batch size is below 1.

    Example:
      >>> import jaxgan as jg
      >>> networks = jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator()
      >>> algorithm = two_time_scales(jg.adversarial_game(*networks, jg.normal_prior(8), jg.hinge))
    """
    return alternating(game, optimizer(lr_g), optimizer(lr_d), batch_size=batch_size)


def critic_warm_up(d_steps: int = 5, warm: int = 100, first: int = 25, period: int = 500) -> Callable[[Step], Step]:
    """A schedule of discriminator updates: `warm` in the first steps and every `period`-th step, `d_steps` otherwise.

    The first steps are those before step `first`.
    Source: the code of Arjovsky et al. 2017 (WassersteinGAN, main.py).

    Raises:
      ValueError: a number is below 1 (`first`: below 0).

    Example:
      >>> [int(critic_warm_up()(jnp.int32(step))) for step in (0, 24, 25, 500, 501)]
      [100, 100, 5, 100, 5]
    """
    for name, value, least in (("d_steps", d_steps, 1), ("warm", warm, 1), ("first", first, 0), ("period", period, 1)):
        check_count(name, value, least)
    return lambda step: jnp.where((step < first) | (step % period == 0), warm, d_steps)


def unrolled(
    game: Game,
    g_tx: optax.GradientTransformation,
    d_tx: optax.GradientTransformation,
    *,
    unroll_steps: int = 5,
    batch_size: int | BatchSizes = 64,
    d_steps: Count = 1,
) -> Algorithm:
    """Alternating descent in which the generator trains against the discriminator unrolled by `unroll_steps` updates.

    The generator minimizes L_G(G, D_k(G)), where k = `unroll_steps`, D_0 = D and D_(i+1) = D_i - update of `d_tx` for
    dL_D(G, D_i)/dD_i, starting from D's own optimizer state. The generator's gradient passes through all k updates. The
    unrolled updates use the generator's real batch, but draw their own latents (the authors' demonstration uses one set
    of latents for everything and updates both players at once). Their result is discarded: D itself is updated as in
    `alternating`.

    The gradient also passes through `d_tx`. Adam's derivative is infinite at a parameter whose gradients have all been
    0 (for example, behind a dead ReLU): set its `eps_root`, for example to 1e-16.

    Source: Metz et al. 2017, Unrolled Generative Adversarial Networks, equations 6 to 8.

    Args:
      game: the game whose objectives are minimized.
      g_tx: the generator's optimizer.
      d_tx: the discriminator's optimizer.
      unroll_steps: number of updates that the generator looks ahead.
      batch_size: examples in a batch, or `BatchSizes(real, fake, generator)`.
      d_steps: discriminator updates per step, or a schedule of this number.

    Raises:
      ValueError: `unroll_steps`, `d_steps` or a batch size is below 1.

    Example:
      >>> import jaxgan as jg
      >>> networks = jg.nn.MLPGenerator(2), jg.nn.MLPDiscriminator()
      >>> game = jg.adversarial_game(*networks, jg.normal_prior(8), jg.non_saturating)
      >>> algorithm = unrolled(game, optax.adam(1e-3), optax.adam(1e-4, eps_root=1e-16), unroll_steps=5)
    """
    check_count("unroll_steps", unroll_steps)
    told_tx = optimizer("d_tx", d_tx)

    def foreseen(state: State) -> Game:
        """The game in which the generator faces the unrolled discriminator."""

        def generator(
            key: Key, params: Players, model_state: Players, batch: Batch, num_fake: int, step: Step
        ) -> tuple[Scalar, Evaluation]:
            def update(carry: tuple[PyTree, PyTree], i: Step) -> tuple[tuple[PyTree, PyTree], None]:
                own, opt_state = carry

                def value(own: PyTree) -> Scalar:
                    point = params._replace(discriminator=own)
                    k = jax.random.fold_in(named_key(key, "unrolled"), i)
                    return game.discriminator(k, point, model_state, batch, num_fake, step)[0]

                loss, gradient = jax.value_and_grad(value)(own)
                return moved(told_tx, gradient, opt_state, own, loss)[:2], None

            start = params.discriminator, state.opt_state.discriminator
            (later, _), _ = jax.lax.scan(update, start, jnp.arange(unroll_steps))
            return game.generator(key, params._replace(discriminator=later), model_state, batch, num_fake, step)

        return game._replace(generator=generator)

    return _alternating(game, foreseen, g_tx, d_tx, batch_size, d_steps, 1, False)


def _alternating(
    game: Game,
    generators_game: Callable[[State], Game],
    g_tx: optax.GradientTransformation,
    d_tx: optax.GradientTransformation,
    batch_size: int | BatchSizes,
    d_steps: Count,
    g_steps: int,
    generator_first: bool,
) -> Algorithm:
    sizes = batch_sizes(batch_size)
    g_tx, d_tx = optimizer("g_tx", g_tx), optimizer("d_tx", d_tx)
    check_count("g_steps", g_steps)
    if not callable(d_steps):
        check_count("d_steps", d_steps)

    def update(key: Key, state: State, sample: Sampler) -> tuple[State, Players]:
        def d_move(state: State, i: Step) -> tuple[State, Move]:
            k = jax.random.fold_in(named_key(key, "discriminator"), i)
            batch = sample(named_key(k, "data"), sizes.real)
            return update_player(named_key(k, "game"), game, "discriminator", d_tx, state, batch, sizes.fake)

        def g_move(state: State, i: Step) -> tuple[State, Move]:
            k = named_key(key, "generator")
            k = k if g_steps == 1 else jax.random.fold_in(k, i)
            batch = sample(named_key(k, "data"), sizes.generator)
            its_game = generators_game(state)
            return update_player(named_key(k, "game"), its_game, "generator", g_tx, state, batch, sizes.generator)

        if generator_first:
            state, g_last = _repeated(g_move, g_steps, state)
            state, d_last = _repeated(d_move, d_steps, state)
        else:
            state, d_last = _repeated(d_move, d_steps, state)
            state, g_last = _repeated(g_move, g_steps, state)
        return state._replace(step=state.step + 1), Players(g_last, d_last)

    return two_player(game, partial(first_state, game, g_tx, d_tx, sizes), update)


def _repeated(move: Callable[[State, Step], tuple[State, Move]], count: Count, state: State) -> tuple[State, Move]:
    """`count` moves, and the report of the last one; a single move needs no loop."""
    if isinstance(count, int) and count == 1:
        return move(state, jnp.int32(0))
    times = jnp.maximum(count(state.step), 1).astype(jnp.int32) if callable(count) else count
    nothing = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), jax.eval_shape(move, state, jnp.int32(0))[1])
    return jax.lax.fori_loop(0, times, lambda i, carry: move(carry[0], jnp.int32(i)), (state, nothing))
