"""Wrappers around any update rule: a moving average of the generator, and lookahead."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Float, Shaped

from jaxgan.checks import check_coefficient, check_count
from jaxgan.dynamics.moves import current_generator
from jaxgan.trees import like
from jaxgan.types import Algorithm, Array, Key, Players, Sampler, State, Step

Decay = float | Callable[[Step], Float[Array, ""]]
"""The decay of a moving average, the fraction of the old value kept per step: a number or a schedule of the step."""


def averaged(algorithm: Algorithm, decay: Decay) -> Algorithm:
    """`algorithm`, keeping an exponential moving average of the generator in `State.average`, to sample from.

        average <- average + max(1 - decay, 9 / (10 + t)) (generator - average)

    after every step, where t is the number of steps before it. Parameters and model state are both averaged, because
    averaged weights need their own batch statistics. Leaves that are not floating-point (counters, flags, random keys)
    are copied from the generator. The average starts at the initial generator. Around `lookahead`, it follows the
    generator as it is at the end of each step, after any pull back to the slow parameters.

    The rate corresponds to a decay of min(decay, (1 + t) / (10 + t)). A constant decay would leave a weight of decay^n
    on the untrained generator after n steps: 30 % for a decay of 0.999 and 1,200 steps. Dividing by 1 - decay^n, as
    Adam does, would remove the untrained weights, but a fifth of the average would still come from the first third of
    those steps. Up to t = 9 / (1 - decay) - 10 (step 8,990 for 0.999) the average therefore weights the generator after
    step s in proportion to about s^8, so it covers roughly the last tenth of the run, however short the run is; after
    that it is the exponential average with the given decay.

    The decay may be a schedule, a function of t. It is then used as it is, without this ramp: the rate is 1 - decay(t).
    A schedule that should forget the untrained generator starts low.

    Source: tf.train.ExponentialMovingAverage (`num_updates`); the weighting by a power of the step is from Karras et
    al. 2024, Analyzing and Improving the Training Dynamics of Diffusion Models, section 3.1.

    Raises:
      ValueError: decay is outside [0, 1) (checked only if it is a Python number); when `init` is called, the algorithm
        already keeps an average.

    Example:
      >>> import jax, optax, jaxgan as jg
      >>> descent = jg.simultaneous(jg.toy.dirac(jg.minimax), optax.sgd(0.1), optax.sgd(0.1), batch_size=1)
      >>> state = jg.run(averaged(descent, 0.999), jg.toy.origin(), jax.random.key(0), num_steps=20).state
      >>> abs(state.average.params["theta"] - state.params.generator["theta"]).item() < 0.1
      True
    """
    if isinstance(decay, int | float) and not 0 <= decay < 1:
        raise ValueError(f"decay must be in [0, 1), got {decay}")

    def rate_at(step: Step) -> Float[Array, ""]:
        if callable(decay):
            return jnp.asarray(1 - decay(step))
        return jnp.maximum(1 - decay, 9 / (10 + step))

    def init(key: Key, sample: Sampler) -> State:
        state = algorithm.init(key, sample)
        if state.average is not None:
            raise ValueError("this algorithm keeps an average of the generator already")
        return state._replace(average=current_generator(state))

    def update(key: Key, state: State, sample: Sampler) -> tuple[State, Any]:
        rate, before = rate_at(state.step), state.average
        state, report = algorithm.update(key, state, sample)

        def towards(average: Shaped[Array, "*leaf"], current: Shaped[Array, "*leaf"]) -> Shaped[Array, "*leaf"]:
            if not jnp.issubdtype(average.dtype, jnp.inexact):
                return current
            return average + rate.astype(average.dtype) * (current - average)

        return state._replace(average=jax.tree.map(towards, before, current_generator(state))), report

    return algorithm._replace(init=init, update=update)


def half_life_decay(images: Decay, batch_size: int) -> Decay:
    """The decay that halves a generator's weight in the average after a number of images: 2^(-batch / images).

    `images` may be a schedule of the step, and then so is the decay; with 0 images the average keeps no old values.
    Source: the training loop of stylegan2-ada-pytorch (Karras et al. 2020), with 10,000 images for batches of 32.

    Raises:
      ValueError: `images` is negative or infinite, or `batch_size` is below 1.

    Example:
      >>> round(half_life_decay(10_000.0, 32), 5)
      0.99778
    """
    check_coefficient("images", images, schedule=True)
    check_count("batch_size", batch_size)
    if callable(images):
        return lambda step: 0.5 ** (batch_size / jnp.maximum(images(step), 1e-8))
    if isinstance(images, jax.core.Tracer):
        return 0.5 ** (batch_size / jnp.maximum(images, 1e-8))
    return 0.5 ** (batch_size / images) if images else 0.0


class Slow(NamedTuple):
    """The optimizer states of a rule under `lookahead`, and the slow parameters."""

    fast: Players
    params: Players


def lookahead(algorithm: Algorithm, k: int = 5, alpha: float = 0.5) -> Algorithm:
    """`algorithm`, with both players pulled back toward slow parameters after every k steps: Lookahead-minmax.

    slow <- slow + alpha (w - slow) and w <- slow after every k-th step, where w is the parameters of both players. The
    slow parameters start at the initial ones and are kept with the optimizer states (`Slow`). They are
    interpolated, so if the initial parameters lie outside the box of `clip_params`, they enter it only gradually.
    Source: Chavdarova et al. 2021, Taming GANs with Lookahead-Minmax, algorithm 1.

    Raises:
      ValueError: k is below 1, or alpha is outside [0, 1].

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

    def update(key: Key, state: State, sample: Sampler) -> tuple[State, Any]:
        slow: Slow = state.opt_state
        state, report = algorithm.update(key, state._replace(opt_state=slow.fast), sample)
        due = state.step % k == 0
        between = like(slow.params, optax.incremental_update(state.params, slow.params, alpha))
        params, behind = (
            jax.tree.map(lambda new, old: jnp.where(due, new, old), between, other)
            for other in (state.params, slow.params)
        )
        return state._replace(params=params, opt_state=Slow(state.opt_state, behind)), report

    return algorithm._replace(init=init, update=update)
