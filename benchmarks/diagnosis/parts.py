"""Recipes, losses and networks that make runs fail, each by one mechanism, referenced like a user's own code."""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

import jaxgan as jg
from jaxgan.recipes.common import adam
from jaxgan.types import Algorithm, Array, Prior


class FoldedGenerator(nn.Module):
    """z -> points whose first `folds` coordinates are non-negative, as with a wrong output function: |x|."""

    features: int
    hidden: tuple[int, ...] = (64, 64)
    folds: int = 1
    scale: float = 1.0  # of the data: an output layer with initial scale 1 takes long to reach 4

    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> Array:
        x = self.scale * jg.nn.MLPGenerator(self.features, self.hidden)(z, train=train)
        return jnp.concatenate([jnp.abs(x[:, : self.folds]), x[:, self.folds :]], axis=1)


class PointGenerator(nn.Module):
    """One learned point with noise of a fixed size around it; samples do not depend on z in any other way."""

    features: int
    noise: float = 0.01

    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> Array:
        centre = self.param("centre", nn.initializers.normal(1.0), (self.features,))
        return centre[None] + self.noise * z[:, : self.features]


class ImageGenerator(nn.Module):
    """z -> images by ReLU layers; with `bits`, only the signs of the first `bits` numbers of z are used."""

    shape: tuple[int, ...]
    hidden: tuple[int, ...] = (64, 64)
    bits: int | None = None

    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> Array:
        if self.bits is not None:
            z = jnp.sign(z[:, : self.bits]) if self.bits else jnp.zeros_like(z)
        x = nn.tanh(jg.nn.MLPGenerator(math.prod(self.shape), self.hidden)(z, train=train))
        return x.reshape(len(z), *self.shape)


class LinearGenerator(nn.Module):
    """z -> A z + b: a Gaussian for all parameters."""

    features: int

    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> Array:
        return nn.Dense(self.features)(z)


class LinearDiscriminator(nn.Module):
    """x -> <psi, x>, without a bias: the discriminator of the Dirac-GAN; psi starts at `start`."""

    start: float = 0.0

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        x = x.reshape(len(x), -1)
        return x @ self.param("psi", nn.initializers.constant(self.start), (x.shape[1],))


def noise_after(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: float = 1e-3,
    lr_d: float = 1e-3,
    b1: float = 0.5,
    until: int = 1000,
    size: float = 1e-2,
    batch_size: int = 64,
) -> Algorithm:
    """`gan` whose discriminator learns for a number of updates; after that its updates are replaced by random steps."""
    game = jg.adversarial_game(generator, discriminator, prior, jg.non_saturating)
    d_tx = optax.chain(adam(lr_d, b1, 0.999), _random_steps(until, size))
    return jg.alternating(game, adam(lr_g, b1, 0.999), d_tx, batch_size=batch_size)


def _random_steps(until: int, size: float) -> optax.GradientTransformation:
    def update(updates: Any, count: Array, params: Any = None) -> tuple[Any, Array]:
        leaves, tree = jax.tree.flatten(updates)
        keys = jax.random.split(jax.random.fold_in(jax.random.key(0), count), len(leaves))
        drawn = [size * jax.random.normal(key, leaf.shape, leaf.dtype) for key, leaf in zip(keys, leaves, strict=True)]
        after = jax.tree.unflatten(tree, drawn)
        return jax.tree.map(lambda own, other: jnp.where(count < until, own, other), updates, after), count + 1

    return optax.GradientTransformation(lambda params: jnp.zeros((), jnp.int32), update)


def growing_rates(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: float = 1e-3,
    lr_d: float = 1e-3,
    b1: float = 0.5,
    tenfold: int = 500,
    batch_size: int = 64,
) -> Algorithm:
    """`gan` with learning rates that grow tenfold in a number of updates."""
    rates = [optax.exponential_decay(lr, tenfold, 10.0) for lr in (lr_g, lr_d)]
    return jg.recipes.gan(generator, discriminator, prior, lr_g=rates[0], lr_d=rates[1], b1=b1, batch_size=batch_size)


def descent(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: float = 0.1,
    lr_d: float = 0.1,
    batch_size: int = 64,
) -> Algorithm:
    """Alternating gradient descent on the practical loss, without adaptive learning rates."""
    game = jg.adversarial_game(generator, discriminator, prior, jg.non_saturating)
    return _descending(game, lr_g, lr_d, batch_size)


def bilinear_descent(
    generator: Any,
    discriminator: Any,
    prior: Prior,
    *,
    lr_g: float = 0.1,
    lr_d: float = 0.1,
    batch_size: int = 64,
) -> Algorithm:
    """Alternating gradient descent on the difference of mean scores: bilinear for a linear critic and a point."""
    game = jg.adversarial_game(generator, discriminator, prior, jg.wasserstein)
    return _descending(game, lr_g, lr_d, batch_size)


def _descending(game: jg.Game, lr_g: float, lr_d: float, batch_size: int) -> Algorithm:
    return jg.alternating(game, optax.sgd(lr_g), optax.sgd(lr_d), batch_size=batch_size)


def log_of_score(real_logits: Array, fake_logits: Array) -> Array:
    """A loss with a mistake: the logarithm of a score instead of a probability."""
    return -jnp.log(fake_logits + 1.0)
