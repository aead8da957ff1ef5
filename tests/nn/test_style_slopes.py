"""Second derivatives of StyleGAN2's and R3GAN's penalties against finite differences, in 64 bits."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.game import adversarial_game
from jaxgan.losses import non_saturating
from jaxgan.nn import (
    MLPGenerator,
    R3GANDiscriminator,
    StyleGAN2Discriminator,
    StyleGAN2Generator,
)
from jaxgan.terms import path_length, r1
from jaxgan.types import Array, Batch, Key, Players

pytestmark = pytest.mark.usefixtures("x64")
KEY = jax.random.key(0)


def normal(i: int, *shape: int) -> Array:
    return jax.random.normal(jax.random.fold_in(KEY, i), shape, jnp.float64)


def spread(shapes: Any) -> Any:
    """Parameters away from where they start, so that nothing is zero."""
    leaves, form = jax.tree.flatten(shapes)
    return jax.tree.unflatten(form, [0.1 + 0.7 * normal(10 + i, *leaf.shape) for i, leaf in enumerate(leaves)])


def agrees(penalty: Callable[[Any], Array], params: Any) -> None:
    """The gradient along random directions is the central difference; no unit's kink lies within it (1e-7 is short)."""
    compiled, gradient = jax.jit(penalty), jax.jit(jax.grad(penalty))(params)
    leaves, form = jax.tree.flatten(params)
    assert float(compiled(params)) > 1e-6
    for i in range(3):
        along = jax.tree.unflatten(form, [normal(100 * (i + 1) + j, *leaf.shape) for j, leaf in enumerate(leaves)])
        ahead, behind = (jax.tree.map(lambda p, d, h=h: p + h * d, params, along) for h in (1e-7, -1e-7))
        expected = (compiled(ahead) - compiled(behind)) / 2e-7
        found = sum(jnp.vdot(g, d) for g, d in zip(jax.tree.leaves(gradient), jax.tree.leaves(along), strict=True))
        # the difference is rounded, by 1e-16 over 1e-7 and as many roundings as there are sums
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def penalty_of(game: Any, player: str, batch: Batch, params: Players) -> Callable[[Any], Array]:
    """What the terms of a player add to its loss, as a function of its own parameters."""
    state = game.init(KEY, batch)[1]

    def penalty(own: Any) -> Array:
        point = params._replace(**{player: own})
        total, evaluation = getattr(game, player)(KEY, point, state, batch, batch.x.shape[0], jnp.int32(0))
        return total - sum(evaluation.parts)

    return penalty


@pytest.mark.parametrize(
    "discriminator",
    [StyleGAN2Discriminator(width=2), R3GANDiscriminator(width=2, blocks=1, group=2)],
    ids=lambda module: type(module).__name__,
)
def test_r1_has_the_right_gradient(discriminator: nn.Module) -> None:
    batch = Batch(normal(0, 4, 8, 8, 1))

    class Flat(nn.Module):  # a generator whose images do not matter
        @nn.compact
        def __call__(self, z: Array) -> Array:
            return MLPGenerator(64, ())(z, train=True).reshape(-1, 8, 8, 1)

    game = adversarial_game(Flat(), discriminator, latents, non_saturating, d_terms=(r1(1e5),))
    shapes = jax.eval_shape(lambda: game.init(KEY, batch)[0])
    params = Players(*map(spread, shapes))
    agrees(penalty_of(game, "discriminator", batch, params), params.discriminator)


def latents(key: Key, n: int) -> Array:
    return jax.random.normal(key, (n, 3), jnp.float64)


@pytest.mark.slow
def test_path_length_of_w_has_the_right_gradient() -> None:
    generator = StyleGAN2Generator(8, 1, width=2, mapping_layers=2)  # mixing and noise included
    batch = Batch(normal(0, 2, 8, 8, 1))
    # with a decay of 1 the average stays 0: no gradient passes through it, which a difference would see
    game = adversarial_game(generator, Mean(), latents, non_saturating, g_terms=(path_length(2.0, 1.0),))
    shapes = jax.eval_shape(lambda: game.init(KEY, batch)[0])
    params = Players(*map(spread, shapes))
    own = params.generator
    own["mapping_network"] = jax.tree.map(lambda a: 100 * a, own["mapping_network"])  # which are used at a hundredth
    agrees(penalty_of(game, "generator", batch, params), own)


class Mean(nn.Module):
    """A discriminator whose logits do not matter here."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        return self.param("scale", nn.initializers.ones, ()) * jnp.mean(x, axis=(1, 2, 3))


@pytest.mark.parametrize("layered", [False, True])
def test_path_length_is_that_of_w_where_there_is_one(layered: bool) -> None:
    b, a = normal(1, 3, 4), normal(2, 4, 5)

    class Halves(nn.Module):
        """z B = w, w A = x; or three layers of w, of which x is the sum."""

        def setup(self) -> None:
            self.scale = self.param("scale", nn.initializers.ones, ())

        def mapping(self, z: Array, y: Any = None) -> Array:
            w = z @ b
            return jnp.repeat(w[:, None], 3, axis=1) if layered else w

        def synthesis(self, w: Array) -> Array:
            return self.scale * (w.sum(axis=1) if layered else w) @ a

        def __call__(self, z: Array) -> Array:
            return self.synthesis(self.mapping(z))

    class Sum(nn.Module):
        @nn.compact
        def __call__(self, x: Array) -> Array:
            return self.param("scale", nn.initializers.ones, ()) * jnp.sum(x, axis=1)

    term = path_length(1.0, 0.0, shrink=2)
    game = adversarial_game(Halves(), Sum(), latents, non_saturating, g_terms=(term,))
    batch = Batch(normal(0, 512, 5))
    params, state = game.init(KEY, batch)
    new = game.generator(KEY, params, state, batch, 512, jnp.int32(0))[1].model_state
    # the average is that of |A y| over half a batch, y normal; of layers each has that slope
    expected = np.linalg.norm(normal(5, 100_000, 5) @ a.T, axis=1)
    np.testing.assert_allclose(
        new["terms"][0], expected.mean(), rtol=5 * expected.std() / expected.mean() / np.sqrt(256)
    )
    assert abs(np.linalg.norm(normal(5, 1000, 5) @ (b @ a).T, axis=1).mean() / expected.mean() - 1) > 0.3
