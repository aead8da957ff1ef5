"""What the tests of terms share: a `View` by hand, and what the terms of a game with fixed networks add to its loss."""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.game import adversarial_game
from jaxgan.losses import minimax
from jaxgan.types import Array, Batch, Game, Key, Players, StatefulTerm, View

KEY = jax.random.key(0)
W = np.array([3, 4], np.float32)  # of length 5
REAL = np.array([[1, 0], [0, 2], [-1, 1], [3, -2]], np.float32)
FAKE = np.array([[2, 1], [1, 1], [0, -3], [1, 4]], np.float32)
Y = np.array([1, 2, -1, 3], np.float32)
Z = np.array([[1, 2, 0], [0, 1, -1], [2, 0, 1], [1, -1, 1]], np.float32)
A = np.array([[1, 0.5], [-1, 2], [0.5, 0]], np.float32)  # of the generator x = z A
close = functools.partial(np.testing.assert_allclose, rtol=1e-5)  # roundings of short sums in 32 bits


def linear(x: Array) -> Array:
    return x @ W


def energy(x: Array) -> Array:
    """|x|^2 / 2, whose gradient is x: it says where it was asked."""
    return jnp.sum(x**2, axis=-1) / 2


def twice(key: Key, x: Array) -> Array:
    return 2 * x


def view_of(critic: Callable[[Array], Array] = linear, real: Any = REAL, fake: Any = FAKE, **rest: Any) -> View:
    real, fake = jnp.asarray(real), jnp.asarray(fake)
    view = View(
        critic=critic, features=jnp.square, generate=lambda z: z @ A, params={"kernel": jnp.asarray(A)}, real=real,
        fake=fake, real_logits=critic(real), fake_logits=critic(fake), z=jnp.asarray(Z), y=None, key=KEY,
        step=jnp.int32(0), outputs=critic, real_outputs=critic(real), fake_outputs=critic(fake), y_fake=None,
        fake_critic=critic,
    )  # fmt: skip
    return view._replace(**rest)


def values(term: Any, view: View) -> Array:
    return term.apply(view, term.init())[0] if isinstance(term, StatefulTerm) else term(view)


class Fixed(nn.Module):
    """x = z A, or x = z A + y."""

    @nn.compact
    def __call__(self, z: Array, y: Any = None, *, train: bool) -> Array:
        return z @ A if y is None else z @ A + y.reshape(-1, 1)


class Judge(nn.Module):
    """logit = <w, x> with w = 3, 4, 3, 4 ..., or y |x|^2 / 2."""

    @nn.compact
    def __call__(self, x: Array, y: Any = None, *, train: bool) -> Array:
        w = self.param("w", lambda key: jnp.resize(jnp.asarray(W), x.shape[1:]))
        return x @ w if y is None else y * energy(x)


def fixed_latents(key: Key, n: int) -> Array:
    return jnp.asarray(np.resize(Z, (n, 3)))


def game_of(generator: nn.Module | None = None, discriminator: nn.Module | None = None, **options: Any) -> Game:
    return adversarial_game(generator or Fixed(), discriminator or Judge(), fixed_latents, minimax, **options)


def added(game: Game, player: str, batch: Any = REAL, num_fake: int = 4, params: Players | None = None) -> Array:
    """What the terms add to a player's loss."""
    batch = batch if isinstance(batch, Batch) else Batch(jnp.asarray(batch))
    first, state = game.init(KEY, batch)
    total, evaluation = getattr(game, player)(KEY, params or first, state, batch, num_fake, jnp.int32(3))
    return total - sum(evaluation.parts)
