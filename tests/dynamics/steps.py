"""Steps of an algorithm, compiled, and what is seen of its state after each."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from jaxgan import toy
from jaxgan.runs.run import run
from jaxgan.types import Algorithm, Array, Batch, Info, Key, Sampler, State

KEY = jax.random.key(0)
ORIGIN = toy.origin()


def step(algorithm: Algorithm, state: State, sample: Sampler = ORIGIN) -> tuple[State, Info]:
    return jax.jit(algorithm.step, static_argnums=2)(KEY, state, sample)


def first(algorithm: Algorithm, sample: Sampler = ORIGIN) -> State:
    return jax.jit(algorithm.init, static_argnums=1)(KEY, sample)


def flat(params: Any) -> np.ndarray:
    return np.asarray(ravel_pytree(params)[0])


def along(
    algorithm: Algorithm, steps: int, sample: Sampler = ORIGIN, see: Callable[[State], Any] = lambda state: state.params
) -> np.ndarray:
    """What `see` sees of the state after each step, flattened: [steps, numbers]."""

    def probe(key: Key, state: State) -> Array:
        return ravel_pytree(see(state))[0]

    return np.asarray(jax.jit(lambda key: run(algorithm, sample, key, steps, probe=probe, probe_every=1).probes)(KEY))


def uniform(key: Key, n: int) -> Batch:
    return Batch(jax.random.uniform(key, (n, 1)) - 0.5)
