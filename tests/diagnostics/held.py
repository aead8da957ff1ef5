"""What the tests of generators that are held share: small games and their states."""

import functools
import signal
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.tree_util import Partial

from jaxgan import toy
from jaxgan.dynamics import alternating
from jaxgan.game import adversarial_game
from jaxgan.losses import minimax, non_saturating, relativistic_average
from jaxgan.nn.layers import spectrally_normalized
from jaxgan.runs import seed_keys
from jaxgan.runs.loop import Chunk
from jaxgan.types import Array, Batch, Key, Players, State

KEY = jax.random.key(1)
KEYS = seed_keys(jax.random.key(0), 2)
N = 8
LOSSES = {"minimax": minimax, "relativistic_average": relativistic_average}


def prior(key: Key, n: int) -> Array:
    """Quicker to compile than a normal one."""
    return 4 * jax.random.uniform(key, (n, 4)) - 2


def numbers(key: Key, n: int) -> Batch:
    return Batch(4 * jax.random.uniform(key, (n, 1)) - 2)


NUMBERS = Partial(numbers)


def assert_same(a: Any, b: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, a, b)


def assert_close(a: Any, b: Any, **tolerance: float) -> None:
    jax.tree.map(functools.partial(np.testing.assert_allclose, **tolerance), a, b)


class Normalized(nn.Module):
    """Two kinds of normalization, and two momenta."""

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        x = nn.BatchNorm(use_running_average=not train, momentum=0.5)(x)
        x = nn.relu(spectrally_normalized(True, train=train)(nn.Dense(4))(x))
        x = nn.BatchNorm(use_running_average=not train, momentum=0.99)(x)
        return nn.Dense(1)(x).reshape(x.shape[0])


class NormalizedGenerator(nn.Module):
    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> Array:
        return nn.Dense(2)(nn.relu(nn.BatchNorm(use_running_average=not train)(z)))


NORMALIZED_GAME = adversarial_game(NormalizedGenerator(), Normalized(), prior, non_saturating)


@functools.cache
def normalized_state() -> State:
    return bare(*jax.jit(NORMALIZED_GAME.init)(KEY, Batch(jax.random.uniform(KEY, (N, 2)))))


def bare(params: Players, model_state: Players) -> State:
    return State(params, model_state, None, None, jnp.int32(0))


def toy_state(psi: tuple[float, float], theta: float = 0.5) -> State:
    """Of `toy.gaussian_mean`: D(x) = psi_0 + psi_1 x."""
    return bare(Players({"theta": jnp.array([theta])}, {"psi": jnp.array(psi)}), Players({}, {}))


TOY = toy.gaussian_mean(non_saturating, draw=lambda key, shape: 4 * jax.random.uniform(key, shape) - 2)


PLAIN = alternating(TOY, optax.sgd(0.3), optax.sgd(0.3), batch_size=4)


def interrupt(chunk: Chunk) -> None:
    signal.raise_signal(signal.SIGINT)
