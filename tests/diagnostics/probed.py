"""What the tests of the gradient probe share: games, states, and losses."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from jaxgan.augment import instance_noise
from jaxgan.data import Examples, from_images
from jaxgan.diagnostics.gradients import Gradients, gradient_probe
from jaxgan.game import adversarial_game
from jaxgan.losses import (
    cross_entropy_discriminator,
    f_kl,
    hinge,
    minimax,
    non_saturating,
    relativistic,
    relativistic_average,
    wasserstein,
)
from jaxgan.nn import DCGANDiscriminator, DCGANGenerator, MLPDiscriminator, MLPGenerator, Packed
from jaxgan.random import named_key
from jaxgan.types import Array, Batch, Game, Key, Loss, Players, Sampler, State

KEY = jax.random.key(3)
N = 8
OPTIONS: dict[str, Any] = {"minibatches": 3, "batch_size": N, "saturated": 0.5}

own = Loss(
    cross_entropy_discriminator,
    lambda real, fake: (jnp.tanh(fake), 0.5 * (jnp.mean(real) - jnp.mean(fake)) ** 2),
)
"""A user's loss of two parts, one by example and one of the whole batch."""

LOSSES = {
    "minimax": minimax,
    "wasserstein": wasserstein,
    "own": own,
    "hinge": hinge,  # with the generator's part of `wasserstein`
    "relativistic": relativistic,
    "relativistic_average": relativistic_average,
    "f_kl": f_kl,
    "non_saturating": non_saturating,
}
FEW = {name: LOSSES[name] for name in ("minimax", "relativistic_average")}
ONE = {"relativistic_average": relativistic_average}

# float32 sums in another order than that of jax.grad; measured: 2e-7.
close = functools.partial(np.testing.assert_allclose, rtol=5e-6, atol=1e-9)


class Labelled(nn.Module):
    """`network` on its input beside the one-hot condition, for conditions [n] and those of packs [n, m]."""

    network: nn.Module

    @nn.compact
    def __call__(self, x: Array, y: Array, *, train: bool) -> Array:
        return self.network(jnp.concatenate([x, jax.nn.one_hot(y, 3).reshape(x.shape[0], -1)], axis=1), train=train)


def prior(key: Key, n: int) -> Array:
    """Quicker to compile than a normal one."""
    return 4 * jax.random.uniform(key, (n, 4)) - 2


def points(key: Key, n: int) -> Batch:
    return Batch(2 * jax.random.uniform(key, (n, 2)))


POINTS = Partial(points)


def labelled_points(key: Key, n: int) -> Batch:
    y = jax.random.randint(named_key(key, "label"), (n,), 0, 3)
    return Batch(points(key, n).x * (y.reshape(n, 1) - 1), y)


GENERATOR, DISCRIMINATOR = MLPGenerator(2, hidden=(8,)), MLPDiscriminator(hidden=(8,))
IMAGES = from_images("noise", Examples(np.random.default_rng(0).integers(0, 256, (16, 8, 8, 1), np.uint8)))


class Setting(NamedTuple):
    """A game but for its loss, its data, and the losses that are measured in it."""

    networks: tuple[nn.Module, nn.Module] = (GENERATOR, DISCRIMINATOR)
    sample: Sampler = POINTS
    losses: Mapping[str, Loss] = FEW
    options: Mapping[str, Any] = {}

    def game(self, loss: Loss, **options: Any) -> Game:
        return adversarial_game(*self.networks, prior, loss, **{**self.options, **options})


SETTINGS = {
    "points": Setting(losses=LOSSES),
    "images": Setting((DCGANGenerator(8, 1, width=4), DCGANDiscriminator(width=4)), IMAGES.sample, ONE),
    # Conditions, packs, and an augmentation that follows the step.
    "packs of labels": Setting(
        (Labelled(GENERATOR), Packed(Labelled(DISCRIMINATOR), 2)),
        labelled_points,
        options={"augment": instance_noise(lambda step: 0.2 * step)},
    ),
}


def state_of(params: Players, model_state: Players) -> State:
    return State(params, model_state, None, None, jnp.int32(3))


def wider(params: Players) -> Players:
    """Larger weights than at the start, so that logits differ."""
    return jax.tree.map(lambda p: 2 * p, params)


@functools.cache
def state_in(name: str) -> State:
    setting = SETTINGS[name]
    params, model_state = jax.jit(setting.game(minimax).init)(KEY, setting.sample(KEY, N))
    return state_of(wider(params), model_state)


@functools.cache
def probe_in(name: str) -> Callable[..., Gradients]:
    setting = SETTINGS[name]
    return jax.jit(gradient_probe(setting.game(non_saturating), setting.sample, setting.losses, **OPTIONS))


class Reference(NamedTuple):
    """What jax.grad of a game with each loss gives, by minibatch."""

    gradients: dict[str, Any]  # of each loss, leaves [minibatch, ...]
    real: np.ndarray  # logits [minibatch, n]
    fake: np.ndarray


@functools.cache
def differentiate(name: str) -> Callable[[State, Key], Any]:
    setting = SETTINGS[name]

    def minibatch(state: State, key: Key) -> Any:
        batch = setting.sample(named_key(key, "data"), N)

        def of(loss: Loss) -> Any:
            game = setting.game(loss)

            def value(generator: Any) -> Any:
                params = state.params._replace(generator=generator)
                return game.generator(named_key(key, "game"), params, state.model_state, batch, N, state.step)

            return jax.grad(value, has_aux=True)(state.params.generator)

        found = {name: of(loss) for name, loss in setting.losses.items()}
        evaluation = next(iter(found.values()))[1]
        return {name: gradient for name, (gradient, _) in found.items()}, evaluation.real_logits, evaluation.fake_logits

    def minibatches(state: State, key: Key) -> Any:
        keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(OPTIONS["minibatches"]))
        return jax.lax.map(functools.partial(minibatch, state), keys)

    return jax.jit(minibatches)


def wide(tree: Any) -> Any:
    return jax.tree.map(lambda a: np.asarray(a, np.float64), tree)


def reference_of(name: str, state: State, key: Key = KEY) -> Reference:
    return Reference(*wide(differentiate(name)(state, key)))


def rows(gradient: Any) -> np.ndarray:
    """[minibatch, numbers]."""
    return np.concatenate([a.reshape(len(a), -1) for a in jax.tree.leaves(gradient)], axis=1)


def assert_same(a: Any, b: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, a, b)
