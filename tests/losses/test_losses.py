"""The losses against hand values, 64-bit references, and their own names."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.test_util import check_grads
from scipy.special import expit, log_expit, rel_entr

from jaxgan.losses import (
    cross_entropy_discriminator,
    minimax,
    minimax_generator,
    non_saturating,
    non_saturating_generator,
)
from jaxgan.types import Array

Function = Callable[[Array], Array]
Reference = Callable[[np.ndarray], np.ndarray]


def real_term(logits: Array) -> Array:
    return cross_entropy_discriminator(logits, logits)[0]


def fake_term(logits: Array) -> Array:
    return cross_entropy_discriminator(logits, logits)[1]


def minimax_term(logits: Array) -> Array:
    return jnp.asarray(minimax.generator(logits, logits))


def non_saturating_term(logits: Array) -> Array:
    return jnp.asarray(non_saturating.generator(logits, logits))


# Each loss of one logit, its value and its derivative in 64 bits: D = expit(logit), log D = log_expit(logit).
TERMS: list[tuple[Function, Reference, Reference]] = [
    (real_term, lambda x: -log_expit(x), lambda x: -expit(-x)),
    (fake_term, lambda x: -log_expit(-x), expit),
    (minimax_term, lambda x: log_expit(-x), lambda x: -expit(x)),
    (non_saturating_term, lambda x: -log_expit(x), lambda x: -expit(-x)),
]


@pytest.mark.parametrize(
    ("loss", "expected"),
    [  # at D = 1/4, 1/2, 3/4
        (real_term, np.log([4, 2, 4 / 3])),
        (fake_term, np.log([4 / 3, 2, 4])),
        (minimax_term, -np.log([4 / 3, 2, 4])),
        (non_saturating_term, np.log([4, 2, 4 / 3])),
    ],
)
def test_hand_values(loss: Function, expected: np.ndarray) -> None:
    values = loss(jnp.log(jnp.array([1 / 3, 1, 3])))
    np.testing.assert_allclose(values, expected, rtol=5e-7)  # four roundings of 32 bits


@pytest.mark.parametrize(("loss", "value", "derivative"), TERMS)
def test_32_bits_are_right_at_any_logit(loss: Function, value: Reference, derivative: Reference) -> None:
    logits = np.concatenate([np.linspace(-200, 200, 401), np.linspace(-1, 1, 101)]).astype(np.float32)
    exact = logits.astype(np.float64)
    # A few roundings; values under the smallest normal number become 0.
    rtol, atol = 1e-6, float(np.finfo(np.float32).tiny)
    values, derivatives = jax.vmap(jax.value_and_grad(loss))(jnp.asarray(logits))
    assert values.dtype == derivatives.dtype == jnp.float32
    np.testing.assert_allclose(values, value(exact), rtol=rtol, atol=atol)
    np.testing.assert_allclose(derivatives, derivative(exact), rtol=rtol, atol=atol)


def test_the_generator_losses_saturate_on_opposite_sides() -> None:
    # -D and D - 1; exp(-200) is 0 in 32 bits, so these are exact
    assert [float(jax.grad(minimax_term)(logit)) for logit in (-200.0, 200.0)] == [0, -1]
    assert [float(jax.grad(non_saturating_term)(logit)) for logit in (-200.0, 200.0)] == [-1, 0]


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("loss", [real_term, fake_term, minimax_term, non_saturating_term])
def test_derivatives_agree_with_finite_differences(loss: Function) -> None:
    check_grads(lambda x: loss(jnp.asarray(x)), (jnp.linspace(-6, 6, 13),), order=2, modes=("fwd", "rev"))


def test_minimax_is_a_zero_sum_game_and_not_the_cross_entropy_against_real_labels() -> None:
    logits = jnp.linspace(-30, 30, 61)
    against_real = optax.losses.sigmoid_binary_cross_entropy(logits, jnp.ones(61))
    np.testing.assert_array_equal(minimax_generator(logits, logits), -fake_term(logits))
    # two formulas of one function in 32 bits
    np.testing.assert_allclose(non_saturating_generator(logits, logits), against_real, rtol=1e-6)
    assert not np.any(np.isclose(minimax_generator(logits, logits), against_real, rtol=1e-3))
    assert minimax.discriminator is non_saturating.discriminator is cross_entropy_discriminator


def test_the_discriminators_two_terms_are_apart() -> None:
    real, fake = jnp.array([1.0, -2.0]), jnp.array([0.5, 3.0, -1.0])
    real_values, fake_values = cross_entropy_discriminator(real, fake)
    np.testing.assert_array_equal(real_values, real_term(real))
    np.testing.assert_array_equal(fake_values, fake_term(fake))


def test_the_optimal_discriminator_gives_log_4_minus_twice_the_divergence() -> None:
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.3, 0.6])
    divergence = (rel_entr(p, (p + q) / 2).sum() + rel_entr(q, (p + q) / 2).sum()) / 2

    def loss(logits: Array) -> Array:
        real_values, fake_values = cross_entropy_discriminator(logits, logits)
        return jnp.sum(p * real_values) + jnp.sum(q * fake_values)

    optimum = jnp.log(p) - jnp.log(q)  # D = p / (p + q)
    # sums of a few 32-bit numbers near 1
    np.testing.assert_allclose(jax.grad(loss)(optimum), 0, atol=3e-7)
    np.testing.assert_allclose(loss(optimum), np.log(4) - 2 * divergence, rtol=1e-6)
