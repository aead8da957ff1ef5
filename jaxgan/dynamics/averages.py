"""What is wrapped around any rule: a moving average of the generator, and lookahead."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgan.checks import check_coefficient, check_count
from jaxgan.dynamics.moves import current_generator
from jaxgan.types import Algorithm, Key, Players, Sampler, State


def averaged(algorithm: Algorithm, decay: float) -> Algorithm:
    """`algorithm`, keeping an exponential moving average of the generator in `State.average`.

    average <- decay * average + (1 - decay) * generator after every step, for parameters and for model state:
    averaged weights need batch statistics of their own. It starts at the initial generator. Around `lookahead` it
    follows the generator as it stands after every step, taken back where that was due.

    Raises:
      ValueError: a decay outside [0, 1) (checked only when it is a Python number); at its start, an algorithm that
        keeps an average already.
    """
    if isinstance(decay, int | float) and not 0 <= decay < 1:
        raise ValueError(f"decay must be in [0, 1), got {decay}")

    def init(key: Key, sample: Sampler) -> State:
        state = algorithm.init(key, sample)
        if state.average is not None:
            raise ValueError("this algorithm keeps an average of the generator already")
        return state._replace(average=current_generator(state))

    def update(state: State, sample: Sampler, key: Key) -> tuple[State, Any]:
        state, report = algorithm.update(state, sample, key)
        average = optax.incremental_update(current_generator(state), state.average, 1 - decay)
        return state._replace(average=average), report

    return algorithm._replace(init=init, update=update)


class Slow(NamedTuple):
    """The optimizer states of a rule under `lookahead`, and the parameters from which it looks ahead."""

    fast: Players
    params: Players


def lookahead(algorithm: Algorithm, k: int = 5, alpha: float = 0.5) -> Algorithm:
    """`algorithm`, with both players taken back to a point between every k steps: Lookahead-minmax.

    slow <- slow + alpha (w - slow) and w <- slow after every k-th step, w being the parameters of both players. The
    slow parameters start at the initial ones, and are kept beside the optimizer states (`Slow`). They lie between
    points of the way, so `clip_params` holds them in its box only once they have come from within it.
    Source: Chavdarova et al. 2021, Taming GANs with Lookahead-Minmax, algorithm 1.

    Raises:
      ValueError: k below 1, or alpha outside [0, 1].

    Example:
      >>> import jaxgan as jg
      >>> descent = jg.simultaneous(jg.toy.dirac(jg.minimax), optax.sgd(0.1), optax.sgd(0.1), batch_size=1)
      >>> algorithm = lookahead(descent, k=5, alpha=0.5)
    """
    check_count("k", k)
    check_coefficient("alpha", alpha, highest=1.0)

    def init(key: Key, sample: Sampler) -> State:
        state = algorithm.init(key, sample)
        return state._replace(opt_state=Slow(state.opt_state, state.params))

    def update(state: State, sample: Sampler, key: Key) -> tuple[State, Any]:
        slow: Slow = state.opt_state
        state, report = algorithm.update(state._replace(opt_state=slow.fast), sample, key)
        due = state.step % k == 0
        between = optax.incremental_update(state.params, slow.params, alpha)
        params, behind = (
            jax.tree.map(lambda new, old: jnp.where(due, new, old), between, other)
            for other in (state.params, slow.params)
        )
        return state._replace(params=params, opt_state=Slow(state.opt_state, behind)), report

    return algorithm._replace(init=init, update=update)
