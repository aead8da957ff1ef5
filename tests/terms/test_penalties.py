"""Penalties on gradients against closed forms, with critics of every kind, and the convention of their coefficients."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.nn import Packed
from jaxgan.terms import (
    consistency,
    dragan,
    gradient_penalty,
    one_sided_gradient_penalty,
    path_length,
    r1,
    r2,
    zero_centered_gradient_penalty,
)
from jaxgan.types import Array, Batch, Term, View
from tests import golden
from tests.views import FAKE, REAL, A, Judge, W, Y, Z, added, close, energy, game_of, twice, values, view_of

BETWEEN = (gradient_penalty(1.0, 0.0), one_sided_gradient_penalty(1.0, 0.0), zero_centered_gradient_penalty(1.0))


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (r1(), 10 / 2 * 25),
        (r1(3.0), 3 / 2 * 25),
        (r2(), 10 / 2 * 25),
        (r2(3.0), 3 / 2 * 25),
        (gradient_penalty(), 10 * (5 - 1) ** 2),
        (gradient_penalty(3.0, target=7.0), 3 * (5 - 7) ** 2),
        (one_sided_gradient_penalty(), 10 * (5 - 1) ** 2),
        (one_sided_gradient_penalty(3.0, target=7.0), 0),
        (zero_centered_gradient_penalty(), 10 * 25),
        (zero_centered_gradient_penalty(3.0), 3 * 25),
        (dragan(), 10 * (5 - 1) ** 2),
        (dragan(3.0, target=7.0), 3 * (5 - 7) ** 2),
    ],
)
def test_penalties_of_a_linear_critic(term: Term, expected: float) -> None:
    close(values(term, view_of()), np.full(4, expected), rtol=1e-6)


def test_r1_is_asked_on_real_and_r2_on_fake_examples() -> None:
    view = view_of(energy, fake=FAKE[:3])
    close(values(r1(3.0), view), 3 / 2 * np.sum(REAL**2, axis=1))
    close(values(r2(3.0), view), 3 / 2 * np.sum(FAKE[:3] ** 2, axis=1))


def places(term: Any, real: np.ndarray, fake: np.ndarray, m: int) -> np.ndarray:
    """[n / m, 2 m]: where a critic of packs is asked for its slope, by a term that is a square of it.

    The critic is x_i^2 / 2, whose slope is |x_i|: all numbers have to be positive.
    """

    def coordinate(i: int) -> Array:
        return values(term, view_of(lambda x: x.reshape(-1, 2 * m)[:, i] ** 2 / 2, real, fake))

    return np.stack([np.sqrt(jax.jit(coordinate, static_argnums=0)(i)) for i in range(2 * m)], axis=1)


@pytest.mark.parametrize("m", [1, 2])
@pytest.mark.parametrize("term", BETWEEN)
def test_penalties_are_asked_on_segments_between_real_and_fake(term: Term, m: int) -> None:
    n, way = 2000, np.tile(np.array([2, 3], np.float32), m)
    real = np.random.default_rng(0).uniform(1, 2, (n * m, 2)).astype(np.float32)
    shares = (places(term, real, real + way[:2], m) - real.reshape(n, -1)) / way
    # one for both coordinates, and for all examples of a pack; roundings of numbers up to 5
    np.testing.assert_allclose(shares, np.tile(shares[:, :1], 2 * m), atol=1e-6)
    share = np.sort(shares[:, 0])
    assert share[0] > -1e-6 and share[-1] < 1 + 1e-6
    # uniform: Kolmogorov's distance exceeds 2 / sqrt(n) with probability 7e-4
    assert np.max(np.abs(share - (np.arange(n) + 0.5) / n)) < 2 / np.sqrt(n)


@pytest.mark.parametrize("m", [1, 2])
def test_dragan_is_asked_near_the_data(m: int) -> None:
    n, scale = 4000, 0.25
    real = np.random.default_rng(0).uniform(2, [3, 9], (n * m, 2)).astype(np.float32)
    shares = (places(dragan(1.0, scale, 0.0), real, real, m) - real.reshape(n, -1)) / (scale * real.std())
    assert shares.min() > -1e-5 and shares.max() < 1 + 1e-5  # roundings of numbers up to 9
    # u e with u by decision and e by coordinate: mean 1/4, deviation sqrt(7)/12, correlation 3/7; five standard errors
    np.testing.assert_allclose(shares.mean(axis=0), 1 / 4, atol=5 * np.sqrt(7) / 12 / np.sqrt(n))
    np.testing.assert_allclose(np.corrcoef(shares.T)[0, 1:], 3 / 7, atol=5 / np.sqrt(n))


def test_penalties_between_refuse_batches_of_two_sizes() -> None:
    for term in BETWEEN:
        with pytest.raises(ValueError, match=r"as many of both: got real \(4, 2\) and fake \(3, 2\)"):
            values(term, view_of(fake=FAKE[:3]))


def test_penalties_of_a_conditional_critic() -> None:
    batch = Batch(jnp.asarray(REAL), jnp.asarray(Y))
    expected = 3 / 2 * np.mean(Y**2 * np.sum(REAL**2, axis=1))
    close(added(game_of(d_terms=(r1(3.0),)), "discriminator", batch), expected)
    y = np.resize(Y, 6)
    fake = np.resize(Z, (6, 3)) @ A + y[:, None]
    expected = 3 / 2 * np.mean(y**2 * np.sum(fake**2, axis=1))
    close(added(game_of(d_terms=(r2(3.0),)), "discriminator", batch, 6), expected)


class Patches(nn.Module):
    """Logits [n, 2, 2] of images [n, 2, 2, 1]: x^2 times 1, 2, 3, 4."""

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        return x[..., 0] ** 2 * jnp.arange(1.0, 5.0).reshape(1, 2, 2)


class Images(nn.Module):
    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> Array:
        return (z @ jnp.ones((3, 4))).reshape(-1, 2, 2, 1)


def test_a_patch_critics_decision_is_the_mean_over_its_map() -> None:
    x = np.random.default_rng(0).normal(size=(4, 2, 2, 1)).astype(np.float32)
    squares = np.sum((2 * x[..., 0] * np.arange(1, 5).reshape(2, 2) / 4) ** 2, axis=(1, 2))
    close(added(game_of(Images(), Patches(), d_terms=(r1(3.0),)), "discriminator", x), 3 / 2 * squares.mean())
    view = view_of(lambda x: jnp.asarray(Patches().apply({}, x, train=True)), x, x)
    close(values(gradient_penalty(3.0), view), 3 * (np.sqrt(squares) - 1) ** 2)


def test_a_pack_is_penalized_as_one() -> None:
    game = game_of(discriminator=Packed(Judge(), 2), d_terms=(r1(3.0),))
    close(added(game, "discriminator"), 3 / 2 * (W @ W + W @ W))  # half of it by one example


def test_an_augmented_critic_is_penalized_with_its_augmentation() -> None:
    def of(term: Term) -> Array:
        return added(game_of(augment=twice, d_terms=(term,)), "discriminator")

    close(of(r1(3.0)), 3 / 2 * 100)
    close(of(gradient_penalty(3.0)), 3 * (10 - 1) ** 2)
    close(of(consistency(twice, 3.0)), 3 * np.mean((2 * REAL @ W) ** 2))  # its own twice, and then the game's


def test_the_penalty_of_a_flat_critic_has_a_finite_gradient() -> None:
    def flat(term: Any, w: Array) -> Array:
        return jnp.mean(values(term, view_of(lambda x: x @ w)))

    def plain(view: View) -> Array:
        slopes = jnp.linalg.norm(jax.grad(lambda x: jnp.sum(view.critic(x)))(view.real), axis=1)
        return (slopes - 1) ** 2

    assert np.all(np.isnan(jax.grad(flat, 1)(plain, jnp.zeros(2))))  # what this is about
    for term in (gradient_penalty(), one_sided_gradient_penalty(), dragan()):
        np.testing.assert_array_equal(jax.grad(flat, 1)(term, jnp.zeros(2)), 0)
    w = jnp.array([0.6, 0.7])
    close(jax.grad(flat, 1)(gradient_penalty(1.0), w), jax.grad(flat, 1)(plain, w))

    def lengths(a: Array) -> Array:
        return jnp.mean(values(path_length(), view_of(generate=lambda z: z @ a)))

    np.testing.assert_array_equal(jax.grad(lengths)(jnp.zeros((3, 2))), 0)


def test_the_gradient_penalty_of_two_layers_is_torchs() -> None:
    def value(critic: tuple[Array, Array, Array]) -> Array:
        a, b, c = critic
        points = golden.POINTS  # real and fake alike, so that the share is of no account
        view = view_of(lambda x: jnp.tanh(x @ a + b.reshape(1, 3)) @ c, points, points)
        return jnp.mean(values(gradient_penalty(10.0), view))

    found, gradient = jax.value_and_grad(value)(jax.tree.map(jnp.float32, golden.CRITIC))
    close(found, golden.PENALTY)
    jax.tree.map(functools.partial(close, rtol=2e-5), gradient, golden.PENALTY_GRADIENT)  # of a gradient, in 32 bits
